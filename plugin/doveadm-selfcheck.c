/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* A plugin that was never loaded, a passdb behind the one that answers, a
   service that does not run: none of it is an error to Dovecot, mail works,
   and nobody is guarded. Only somebody who looks at all parts together can
   tell. */

#include "doveadm-rules.h"
#include "doveadm-selfcheck.h"
#include "doveadm-doveconf.h"
#include "doveadm-pam.h"
#include "doveadm-setup.h"
#include "warden-hosts-deny.h"

#include <signal.h>
#include <unistd.h>

/* The service beats every second; on a busy machine it may be late. */
#define SERVICE_BEAT_SECS 2
#define SERVICE_SILENT_SECS 15
#define TABLE_FULL_PERCENT 90

static const char *const login_protocols[] = {
	"imap", "pop3", "submission", "sieve",
};

struct selfcheck_context {
	const struct doveadm_warden *dw;
	const struct warden_health *health;
	struct doveadm_selfcheck *checks;
	/* outside every protocol { }; NULL: conf_error */
	const struct doveadm_doveconf *conf;
	const char *conf_error;
	struct warden_settings set;
	struct warden_error set_error;
	bool set_ok;
};

static void check_problem(struct selfcheck_context *ctx,
			  enum doveadm_selfcheck_name name,
			  const char *problem)
{
	ctx->checks[name].problem = problem;
}

static void check_detail(struct selfcheck_context *ctx,
			 enum doveadm_selfcheck_name name, const char *detail)
{
	ctx->checks[name].detail = detail;
}

static bool list_contains(const char *list, const char *name)
{
	return str_array_find(t_strsplit_spaces(list, ", "), name);
}

/* As the service does with what login processes trust. */
static void selfcheck_add_exempt(struct selfcheck_context *ctx,
				 const struct doveadm_doveconf *conf,
				 const char *name)
{
	if (ctx->set_ok) {
		ctx->set_ok = warden_settings_add_exempt(&ctx->set, name,
			doveadm_doveconf_get(conf, name), &ctx->set_error);
	}
}

/* --- Login plugins and passdbs, of each protocol -------------------------- */

static const char *passdb_get(const struct doveadm_doveconf *conf,
			      const char *id, const char *name)
{
	return doveadm_doveconf_get(conf, t_strconcat("passdb/", id, "/",
						      name, NULL));
}

/* Lines of the stanza by which it is not asked always and first of all, or
   by which what it says is not what happens. All of them have this value where
   there is no such line. */
static const char *passdb_stanza_problem(const struct doveadm_doveconf *conf,
					 const char *id)
{
	static const struct {
		const char *name, *value;
	} defaults[] = {
		{ "deny", "no" }, { "pass", "no" }, { "skip", "never" },
		{ "result_success", "return-ok" },
		{ "result_failure", "continue" },
		{ "result_internalfail", "continue" },
		{ WARDEN_COMPAT_PASSDB_MECHANISMS, "" }, { "username_filter", "" },
		{ "default_fields", "" }, { "override_fields", "" },
	};

	for (unsigned int i = 0; i < N_ELEMENTS(defaults); i++) {
		const char *name = defaults[i].name;
		const char *value = passdb_get(conf, id, name);

		if (*value == '\0' || strcmp(value, defaults[i].value) == 0)
			continue;
		return t_strdup_printf("passdb warden has '%s = %s', with "
			"which it does not guard as it should: remove that "
			"line", name, value);
	}
	return NULL;
}

/* Of the passdbs with that value of master, warden must be the first. */
static const char *passdb_order_problem(const struct doveadm_doveconf *conf,
					bool master)
{
	const char *const *ids =
		t_strsplit_spaces(doveadm_doveconf_get(conf, "passdb"), " ");
	const char *before = NULL;

	for (; *ids != NULL; ids++) {
		const char *driver = passdb_get(conf, *ids, "driver");

		if ((strcmp(passdb_get(conf, *ids, "master"), "yes") == 0) !=
		    master)
			continue;
		if (strcmp(driver, "warden") != 0) {
			if (before == NULL)
				before = driver;
			continue;
		}
		if (before == NULL)
			return passdb_stanza_problem(conf, *ids);
		return t_strdup_printf("passdb warden%s comes after passdb "
			"%s: put it first, or a blocked host can log in",
			master ? " with 'master = yes'" : "", before);
	}
	if (!master)
		return "there is no passdb warden: copy that stanza from "
			"05-warden.conf to before all other passdbs";
	return before == NULL ? NULL : "there are master passdbs, but no "
		"passdb warden with 'master = yes': copy that stanza from "
		"05-warden.conf to before them, or a blocked host can log in "
		"as a master user";
}

static const char *passdb_problem(const struct doveadm_doveconf *conf)
{
	const char *problem = passdb_order_problem(conf, false);

	return problem != NULL ? problem : passdb_order_problem(conf, true);
}

/* Dovecot 2.3 has put its own value for $login_plugins already. */
static const char *login_plugins_problem(const char *plugins,
					 const char *protocol)
{
	if (list_contains(plugins, "$login_plugins")) {
		return t_strdup_printf("login_plugins of protocol %s has "
			"'$login_plugins' in it, which Dovecot 2.4 takes for "
			"the name of a plugin, and then nobody gets in: "
			"write "WARDEN_COMPAT_ADD_LOGIN_PLUGIN" instead",
			protocol);
	}
	if (list_contains(plugins, "warden"))
		return NULL;
	return t_strdup_printf("warden is not in login_plugins of protocol "
		"%s: add "WARDEN_COMPAT_ADD_LOGIN_PLUGIN" and run doveadm "
		"reload", protocol);
}

static void check_protocol(struct selfcheck_context *ctx,
			   const char *protocol)
{
	static const char *const names[] = {
		"login_plugins", "login_trusted_networks", "passdb", NULL
	};
	struct doveadm_selfcheck *plugins =
		&ctx->checks[DOVEADM_SELFCHECK_LOGIN_PLUGINS];
	struct doveadm_selfcheck *passdb =
		&ctx->checks[DOVEADM_SELFCHECK_PASSDB];
	const struct doveadm_doveconf *conf;
	const char *problem;

	conf = doveadm_doveconf_read(protocol, names, &problem);
	if (conf == NULL) {
		plugins->problem = passdb->problem = problem;
		return;
	}
	problem = login_plugins_problem(doveadm_doveconf_get(conf,
						"login_plugins"), protocol);
	if (plugins->problem == NULL)
		plugins->problem = problem;
	selfcheck_add_exempt(ctx, conf, "login_trusted_networks");
	problem = passdb_problem(conf);
	if (passdb->problem == NULL && problem != NULL) {
		passdb->problem = t_strdup_printf("protocol %s: %s", protocol,
						  problem);
	}
}

static void check_protocols(struct selfcheck_context *ctx)
{
	const char *protocols, *checked = "";

	if (ctx->conf == NULL) {
		check_problem(ctx, DOVEADM_SELFCHECK_LOGIN_PLUGINS,
			      ctx->conf_error);
		check_problem(ctx, DOVEADM_SELFCHECK_PASSDB, ctx->conf_error);
		return;
	}
	/* first what Postfix and Exim meet, and most of the others too */
	check_problem(ctx, DOVEADM_SELFCHECK_PASSDB,
		      passdb_problem(ctx->conf));
	protocols = doveadm_doveconf_get(ctx->conf, "protocols");
	for (unsigned int i = 0; i < N_ELEMENTS(login_protocols); i++) {
		if (!list_contains(protocols, login_protocols[i]))
			continue;
		check_protocol(ctx, login_protocols[i]);
		checked = t_strconcat(checked, " ", login_protocols[i], NULL);
	}
	check_detail(ctx, DOVEADM_SELFCHECK_LOGIN_PLUGINS,
		     t_strconcat("warden is loaded for", checked, NULL));
	check_detail(ctx, DOVEADM_SELFCHECK_PASSDB,
		     "warden is asked before every other passdb");
}

/* --- The service and its policy ------------------------------------------- */

static const char *service_conf_problem(struct selfcheck_context *ctx)
{
	if (ctx->conf == NULL)
		return ctx->conf_error;
	if (*doveadm_doveconf_get(ctx->conf,
				  "service/warden/executable") == '\0') {
		return "there is no 'service warden { ... }': add it and "
			"restart Dovecot";
	}
	if (strcmp(doveadm_doveconf_get(ctx->conf,
			"service/warden/process_min_avail"), "0") == 0) {
		return "service warden has no 'process_min_avail = 1': it "
			"never starts by itself";
	}
	return NULL;
}

/* One that has just begun may still show the pid of the one before. */
static bool service_exists(const struct warden_health *health)
{
	return health->heartbeat_age_secs <= SERVICE_BEAT_SECS ||
		(health->service_pid > 0 &&
		 (kill(health->service_pid, 0) == 0 || errno != ESRCH));
}

static const char *service_alive_problem(const struct warden_health *health)
{
	if (health->heartbeat_age_secs == UINT32_MAX) {
		return "it has never run: restart Dovecot, and look for its "
			"errors with doveadm log errors";
	}
	if (health->heartbeat_age_secs <= SERVICE_SILENT_SECS &&
	    service_exists(health))
		return NULL;
	return t_strdup_printf("silent for %s (pid %ld): is Dovecot running? "
		"doveadm log errors may say why. After %u s of silence nobody "
		"is refused",
		doveadm_warden_duration(health->heartbeat_age_secs),
		(long)health->service_pid, WARDEN_HEARTBEAT_MAX_SECS);
}

static void check_service(struct selfcheck_context *ctx)
{
	const char *problem = service_conf_problem(ctx);

	if (problem == NULL)
		problem = service_alive_problem(ctx->health);
	check_problem(ctx, DOVEADM_SELFCHECK_SERVICE, problem);
	if (problem != NULL)
		return;
	check_detail(ctx, DOVEADM_SELFCHECK_SERVICE,
		t_strdup_printf("pid %ld, up for %s, last heard %u s ago",
			(long)ctx->health->service_pid,
			doveadm_warden_duration((uint32_t)(ctx->dw->now / 1000) -
				ctx->health->service_started),
			ctx->health->heartbeat_age_secs));
}

static bool exempts_all(const struct warden_policy *policy,
			const struct warden_policy *wanted)
{
	for (uint32_t i = 0; i < wanted->exempt_count; i++) {
		if (!warden_policy_exempts(policy, &wanted->exempt[i]))
			return false;
	}
	return true;
}

/* The numbers, that is everything before the exempt networks, of which the
   service may have more. */
static bool policy_is_current(const struct warden_policy *policy,
			      const struct warden_policy *wanted)
{
	struct warden_policy expect = *wanted;

	expect.exempt_count = policy->exempt_count;
	return memcmp(policy, &expect, offsetof(struct warden_policy,
						exempt)) == 0 &&
		exempts_all(policy, wanted);
}

static const char *policy_problem(struct selfcheck_context *ctx)
{
	if (!ctx->set_ok)
		return t_strdup(ctx->set_error.text);
	if (ctx->dw->silent_secs == UINT32_MAX)
		return "no rules were ever published: nobody is refused";
	if (!doveadm_warden_in_force(ctx->dw)) {
		return "the rules are not in force, since the service is "
			"silent: nobody is refused";
	}
	if (!policy_is_current(ctx->dw->policy, &ctx->set.policy)) {
		return "the settings are not those in force: run doveadm "
			"reload";
	}
	return NULL;
}

static void check_policy(struct selfcheck_context *ctx)
{
	const char *problem = policy_problem(ctx);

	check_problem(ctx, DOVEADM_SELFCHECK_POLICY, problem);
	if (problem != NULL)
		return;
	check_detail(ctx, DOVEADM_SELFCHECK_POLICY,
		t_strdup_printf("mode %s, published %s ago",
			warden_mode_name(ctx->dw->policy->mode),
			doveadm_warden_duration(
				ctx->health->policy_age_secs)));
}

/* --- The table ------------------------------------------------------------ */

static const char *table_problem(const struct warden_health *health)
{
	if (health->unwatched > 0) {
		return t_strdup_printf("%"PRIu64" times a host could not be "
			"watched, there was no room beside those blocked by "
			"hand: raise warden_table_hosts and restart Dovecot",
			health->unwatched);
	}
	if (health->set_full > 0) {
		return t_strdup_printf("%"PRIu64" times a host found no room "
			"until a block made some: raise warden_table_hosts "
			"and restart Dovecot", health->set_full);
	}
	if (health->bucket_full > 0) {
		return t_strdup_printf("%"PRIu64" sessions found no room and "
			"were not counted: too many at once on this server",
			health->bucket_full);
	}
	if (health->used * 100 >= health->room * TABLE_FULL_PERCENT) {
		return t_strdup_printf("%"PRIu64" of %"PRIu64" hosts: raise "
			"warden_table_hosts and restart Dovecot",
			health->used, health->room);
	}
	return NULL;
}

static void check_table(struct selfcheck_context *ctx)
{
	const struct warden_health *health = ctx->health;
	const char *problem = table_problem(health);

	check_problem(ctx, DOVEADM_SELFCHECK_TABLE, problem);
	if (problem != NULL)
		return;
	check_detail(ctx, DOVEADM_SELFCHECK_TABLE,
		t_strdup_printf("%"PRIu64" of %"PRIu64" hosts, %"PRIu64
				" evicted", health->used, health->room,
				health->evicted));
}

/* --- What the service writes ---------------------------------------------- */

static const char *state_problem(uint32_t faults, const char *dir)
{
	if ((faults & WARDEN_FAULT_STATE_DIR) != 0) {
		return t_strdup_printf(
			"%s is not fit to write in, so nothing "
			"will survive a reboot: put right what doveadm log "
			"errors says of warden_state_dir and run doveadm "
			"reload",
			dir);
	}
	if ((faults & WARDEN_FAULT_STATE) != 0) {
		return t_strdup_printf(
			"%s/state cannot be saved, so what is "
			"new will not survive a reboot: doveadm log errors "
			"says why",
			dir);
	}
	if ((faults & WARDEN_FAULT_STATE_LOST) != 0) {
		return t_strdup_printf(
			"%s/state could not be read when the "
			"service started and is %s/state.bad now: what it knew "
			"is not in force",
			dir, dir);
	}
	return NULL;
}

static void check_state(struct selfcheck_context *ctx)
{
	const char *dir = ctx->set.state_dir;

	if (*dir == '\0') {
		check_detail(ctx, DOVEADM_SELFCHECK_STATE,
			     "not wanted: nothing survives a reboot");
		return;
	}
	check_problem(ctx, DOVEADM_SELFCHECK_STATE,
		      state_problem(ctx->health->faults, dir));
	check_detail(ctx, DOVEADM_SELFCHECK_STATE,
		     t_strdup_printf("kept in %s/state", dir));
}

static const char *deny_file_problem(uint32_t faults, const char *path)
{
	if ((faults & WARDEN_FAULT_DENY_DIR) != 0) {
		return t_strdup_printf(
			"there is no %s, its directory is not "
			"fit to write in: put right what doveadm log errors "
			"says of warden_hosts_deny_file and run doveadm "
			"reload",
			path);
	}
	if ((faults & WARDEN_FAULT_DENY_FILE) != 0) {
		return t_strdup_printf(
			"%s cannot be written, so sshd and "
			"vsftpd do not learn of new blocks: doveadm log errors "
			"says why",
			path);
	}
	if ((faults & WARDEN_FAULT_MEMORY) != 0) {
		return t_strdup_printf(
			"%s is empty, the service has too "
			"little memory: raise vsz_limit in service warden { }",
			path);
	}
	return NULL;
}

static void check_deny_file(struct selfcheck_context *ctx)
{
	const char *path = ctx->set.hosts_deny_file;

	if (*path == '\0') {
		check_detail(ctx, DOVEADM_SELFCHECK_DENY_FILE, "not wanted");
		return;
	}
	check_problem(ctx, DOVEADM_SELFCHECK_DENY_FILE,
		      deny_file_problem(ctx->health->faults, path));
	check_detail(ctx, DOVEADM_SELFCHECK_DENY_FILE,
		     t_strdup_printf("kept in %s", path));
}

/* --- /etc/hosts.deny ------------------------------------------------------ */

static const char *hosts_deny_problem(const char *deny_file, char *daemons,
				      size_t size)
{
	struct warden_error error;

	switch (warden_hosts_deny_find(DOVEADM_SETUP_HOSTS_DENY, deny_file,
				       daemons, size, &error)) {
	case 0:
		return "what asks libwrap does not see the blocks: doveadm "
			"warden setup puts the line into "
			DOVEADM_SETUP_HOSTS_DENY;
	case 1:
		break;
	default:
		return t_strdup(error.text);
	}
	if (access(deny_file, F_OK) == 0)
		return NULL;
	return t_strdup_printf(DOVEADM_SETUP_HOSTS_DENY" names %s, which is "
		"not there: the warden service writes it when it runs",
		deny_file);
}

static void check_hosts_deny(struct selfcheck_context *ctx)
{
	const char *deny_file = ctx->set.hosts_deny_file, *problem;
	char daemons[256] = "";

	if (*deny_file == '\0') {
		check_detail(ctx, DOVEADM_SELFCHECK_HOSTS_DENY,
			"not used, since there is no deny file");
		return;
	}
	problem = hosts_deny_problem(deny_file, daemons, sizeof(daemons));
	check_problem(ctx, DOVEADM_SELFCHECK_HOSTS_DENY, problem);
	if (problem == NULL) {
		check_detail(ctx, DOVEADM_SELFCHECK_HOSTS_DENY,
			     t_strdup_printf(DOVEADM_SETUP_HOSTS_DENY" has "
				"\"%s: %s\"", daemons, deny_file));
	}
}

/* --- PAM ------------------------------------------------------------------ */

/* Services with lines for pam_warden.so. One that has none may be as it is
   meant to be: of sshd and vsftpd the coverage says what becomes of them. */
static void check_pam(struct selfcheck_context *ctx)
{
	char(*names)[WARDEN_PAM_NAME_STRLEN] =
		t_malloc0(WARDEN_PAM_SERVICES_MAX * WARDEN_PAM_NAME_STRLEN);
	struct warden_pam_stack *stack = t_new(struct warden_pam_stack, 1);
	struct warden_pam_places places;
	string_t *good = t_str_new(128), *bad = t_str_new(256);
	size_t count;

	doveadm_pam_places(&places);
	count = warden_pam_services(&places, names, WARDEN_PAM_SERVICES_MAX);
	for (size_t i = 0; i < count; i++) {
		warden_pam_stack_look(&places, names[i], stack);
		if (stack->fault == WARDEN_PAM_OK) {
			str_printfa(good, "%s%s", str_len(good) > 0 ? ", " : "",
				    names[i]);
			continue;
		}
		str_printfa(bad, "%s%s: %s: %s", str_len(bad) > 0 ? "; " : "",
			    names[i], doveadm_pam_problem(stack, names[i]),
			    doveadm_pam_command(stack, names[i]));
	}
	if (str_len(bad) > 0)
		check_problem(ctx, DOVEADM_SELFCHECK_PAM, str_c(bad));
	check_detail(ctx, DOVEADM_SELFCHECK_PAM,
		     count == 0 ?
			     "no service asks pam_warden.so" :
			     t_strdup_printf("pam_warden.so is asked by %s",
					     str_c(good)));
}

/* --- nftables ------------------------------------------------------------- */

/* As the service has told: what is in the kernel is not ours to ask. */
static const char *nftables_problem(uint32_t faults, const char *table,
				    const char *sets)
{
	if ((faults & WARDEN_FAULT_NFTABLES_SETS) != 0) {
		return t_strdup_printf(
			"table %s with %s is not there: doveadm "
			"warden setup --nftables --apply makes it",
			table, sets);
	}
	if ((faults & WARDEN_FAULT_NFTABLES) != 0) {
		return "it does not take the blocks: doveadm log errors says "
		       "why";
	}
	return NULL;
}

static void check_nftables(struct selfcheck_context *ctx)
{
	const struct warden_nft_names *names = &ctx->set.nftables;
	char table[WARDEN_NFT_TABLE_STRLEN], sets[WARDEN_NFT_SETS_STRLEN];

	if (names->family[0] == '\0') {
		check_detail(ctx, DOVEADM_SELFCHECK_NFTABLES, "not wanted");
		return;
	}
	(void)warden_nft_table_format(names, table);
	(void)warden_nft_sets_format(names, sets);
	check_problem(ctx, DOVEADM_SELFCHECK_NFTABLES,
		      nftables_problem(ctx->health->faults, table, sets));
	check_detail(ctx, DOVEADM_SELFCHECK_NFTABLES,
		     t_strdup_printf("blocks go to %s of table %s", sets,
				     table));
}

/* --- The rules for Dovecot's own services -------------------------------- */

/* Whom hosts.allow exempts is easily misjudged. */
static const char *rules_exempt_text(const struct selfcheck_context *ctx)
{
	struct warden_rules_image image;
	struct warden_rules rules;
	struct warden_error error;
	struct doveadm_rules_line line;
	unsigned int meant = 0, broad = 0;

	if (!doveadm_rules_compile(&ctx->set, &image, NULL, &error))
		return "";
	if (warden_rules_open(&rules, image.data, image.size, &error)) {
		(void)doveadm_rules_allowing(&ctx->set, &rules, &line, 0,
					     &meant, &broad);
	}
	warden_rules_image_free(&image);
	if (meant == 0 && broad == 0)
		return "";
	if (broad == 0) {
		return t_strdup_printf("; %u line%s of %s exempt%s clients",
				       meant, meant == 1 ? "" : "s",
				       ctx->set.hosts_allow,
				       meant == 1 ? "s" : "");
	}
	return t_strdup_printf("; %u line%s of %s exempt%s clients, %u "
			       "like \"ALL: ALL\" exempt%s nobody",
			       meant, meant == 1 ? "" : "s",
			       ctx->set.hosts_allow, meant == 1 ? "s" : "",
			       broad, broad == 1 ? "s" : "");
}

static void check_rules(struct selfcheck_context *ctx)
{
	const char *allow = ctx->set.hosts_allow, *deny = ctx->set.hosts_deny;

	if (*allow == '\0' && *deny == '\0') {
		check_detail(ctx, DOVEADM_SELFCHECK_RULES,
			     "no rules for mail are wanted");
		return;
	}
	if ((ctx->health->faults & WARDEN_FAULT_RULES) != 0) {
		check_problem(
			ctx, DOVEADM_SELFCHECK_RULES,
			t_strdup_printf(
				"%s%s%s cannot be used as it is, the "
				"rules of before are in force: doveadm log "
				"errors names file and line",
				allow,
				*allow != '\0' && *deny != '\0' ? " or " : "",
				deny));
	}
	check_detail(
		ctx, DOVEADM_SELFCHECK_RULES,
		t_strdup_printf("%s%s%s decide about mail as well%s", allow,
				*allow != '\0' && *deny != '\0' ? " and " : "",
				deny, rules_exempt_text(ctx)));
}

/* --- Where addresses come from ------------------------------------------- */

static void check_geoip(struct selfcheck_context *ctx)
{
	const char *country = ctx->set.geoip_country, *asn = ctx->set.geoip_asn;
	const char *both = t_strdup_printf(
		"%s%s%s", country,
		*country != '\0' && *asn != '\0' ? " and " : "", asn);
	size_t size;

	if (*both == '\0') {
		check_detail(ctx, DOVEADM_SELFCHECK_GEOIP, "not wanted");
		return;
	}
	if ((ctx->health->faults & WARDEN_FAULT_GEOIP) != 0) {
		check_problem(ctx, DOVEADM_SELFCHECK_GEOIP,
			      t_strdup_printf("%s cannot be used: doveadm log "
					      "errors says why",
					      both));
	} else if (warden_admin_origins(ctx->dw->warden, &size) == NULL) {
		check_problem(ctx, DOVEADM_SELFCHECK_GEOIP,
			      "the databases were not read yet; that takes the "
			      "service some seconds");
	}
	check_detail(ctx, DOVEADM_SELFCHECK_GEOIP,
		     t_strdup_printf("countries and autonomous systems are "
				     "known from %s",
				     both));
}

static void selfcheck_read(struct selfcheck_context *ctx)
{
	static const char *const names[] = {
		"haproxy_trusted_networks", "login_trusted_networks", "passdb",
		"protocols", "service", NULL
	};

	ctx->set_ok = doveadm_warden_settings(&ctx->set, &ctx->set_error);
	ctx->conf = doveadm_doveconf_read(NULL, names, &ctx->conf_error);
	if (ctx->conf == NULL)
		return;
	selfcheck_add_exempt(ctx, ctx->conf, "login_trusted_networks");
	selfcheck_add_exempt(ctx, ctx->conf, "haproxy_trusted_networks");
}

void doveadm_selfcheck_run(const struct doveadm_warden *dw,
			   const struct warden_health *health,
			   struct doveadm_selfcheck
				checks_r[DOVEADM_SELFCHECK_COUNT])
{
	static const char *const names[DOVEADM_SELFCHECK_COUNT] = {
		[DOVEADM_SELFCHECK_LOGIN_PLUGINS] = "check_login_plugins",
		[DOVEADM_SELFCHECK_PASSDB] = "check_passdb",
		[DOVEADM_SELFCHECK_SERVICE] = "check_service",
		[DOVEADM_SELFCHECK_POLICY] = "check_policy",
		[DOVEADM_SELFCHECK_TABLE] = "check_table",
		[DOVEADM_SELFCHECK_STATE] = "check_state",
		[DOVEADM_SELFCHECK_DENY_FILE] = "check_deny_file",
		[DOVEADM_SELFCHECK_HOSTS_DENY] = "check_hosts_deny",
		[DOVEADM_SELFCHECK_PAM] = "check_pam",
		[DOVEADM_SELFCHECK_NFTABLES] = "check_nftables",
		[DOVEADM_SELFCHECK_RULES] = "check_rules",
		[DOVEADM_SELFCHECK_GEOIP] = "check_geoip",
	};
	struct selfcheck_context *ctx = t_new(struct selfcheck_context, 1);

	for (unsigned int i = 0; i < DOVEADM_SELFCHECK_COUNT; i++) {
		i_zero(&checks_r[i]);
		checks_r[i].name = names[i];
	}
	ctx->dw = dw;
	ctx->health = health;
	ctx->checks = checks_r;
	selfcheck_read(ctx);
	check_protocols(ctx);
	check_service(ctx);
	check_policy(ctx);
	check_table(ctx);
	check_state(ctx);
	check_deny_file(ctx);
	check_hosts_deny(ctx);
	check_pam(ctx);
	check_nftables(ctx);
	check_rules(ctx);
	check_geoip(ctx);
}
