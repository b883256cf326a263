/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* On a terminal this draws on the other screen that terminals have for such
   programs, and changes no mode of the line. All signals that would end it are
   blocked and waited for between two drawings, so there is one place at which
   it ends, and there the terminal is given back. */

#include "doveadm-watch.h"
#include "doveadm-top.h"
#include "warden-gauge.h"
#include "warden-tally.h"
#include "write-full.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WATCH_MSECS 1000
#define WATCH_HANG_UP_FDS 64

/* the other screen, no cursor; and back */
#define TERMINAL_ENTER "\033[?1049h\033[?25l"
#define TERMINAL_LEAVE "\033[?25h\033[?1049l"
#define TERMINAL_HOME "\033[H"
#define TERMINAL_CLEAR_LINE "\033[K"
#define TERMINAL_CLEAR_BELOW "\033[J"

struct watch {
	struct doveadm_warden *dw;
	bool terminal;
	bool entered; /* the other screen is shown */
	bool failed;  /* nobody reads any more */
	struct warden_gauge gauge;
	uint64_t looked; /* warden time, ms */
	sigset_t signals, old_signals;

	struct warden_health health;
	uint32_t sessions;
	/* of a second */
	double logins, failures, refused, observed;
	struct doveadm_top top;
};

/* --- Gathering ------------------------------------------------------------ */

static void watch_rates(struct watch *watch, const uint64_t *grown)
{
	const struct doveadm_warden *dw = watch->dw;
	uint64_t msecs = dw->now - watch->looked;
	uint64_t failures = 0, refused = 0;
	double per_second = msecs == 0 ? 0 : 1000.0 / (double)msecs;

	for (unsigned int i = 0; i < WARDEN_TOTALS; i++) {
		/* as in status: a client that tries nothing has not failed */
		if (warden_class_is_event(i) && i != WARDEN_IDLE)
			failures += grown[i];
		if (warden_tally_is_refusal(i))
			refused += grown[i];
	}
	watch->logins = (double)grown[WARDEN_TOTAL_SUCCESS] * per_second;
	watch->failures = (double)failures * per_second;
	watch->refused = (double)refused * per_second;
	watch->observed = (double)grown[WARDEN_TOTAL_WOULD_REFUSE] * per_second;
}

static void watch_read(struct watch *watch)
{
	struct doveadm_warden *dw = watch->dw;
	uint64_t grown[WARDEN_TOTALS];

	dw->now = warden_clock_now();
	dw->wall_now = warden_clock_wall(dw->now);
	dw->policy = warden_admin_policy(dw->warden, dw->now, &dw->silent_secs);
	warden_admin_health(dw->warden, dw->now, &watch->health);
	watch->sessions = warden_table_sessions_total(dw->table, dw->now);
	warden_gauge_look(&watch->gauge, dw->table, dw->now, grown);
	watch_rates(watch, grown);
	watch->looked = dw->now;
	doveadm_top_read(dw, &watch->top);
}

static const char *watch_time(const struct watch *watch)
{
	char buf[WARDEN_CLOCK_STRLEN];

	return t_strdup(warden_clock_format(watch->dw->wall_now, buf));
}

static const char *watch_mode(const struct watch *watch)
{
	return !doveadm_warden_in_force(watch->dw) ?
		       "silent" :
		       warden_mode_name(watch->dw->policy->mode);
}

/* --- A line every second -------------------------------------------------- */

static void watch_write(struct watch *watch, const char *text)
{
	if (write_full(STDOUT_FILENO, text, strlen(text)) < 0)
		watch->failed = TRUE;
}

static void watch_print_line(struct watch *watch)
{
	string_t *str = t_str_new(256);

	str_printfa(str,
		    "%s mode=%s sessions=%u logins=%.0f failures=%.0f "
		    "refused=%.0f observed=%.0f blocked=%" PRIu64
		    " known=%" PRIu64 " top=",
		    watch_time(watch), watch_mode(watch), watch->sessions,
		    watch->logins, watch->failures, watch->refused,
		    watch->observed, watch->health.blocked,
		    watch->health.known);
	for (unsigned int i = 0; i < watch->top.count; i++) {
		if (i > 0)
			str_append_c(str, ',');
		str_append(str, doveadm_warden_host(watch->dw,
						    &watch->top.hosts[i].host));
	}
	str_append_c(str, '\n');
	watch_write(watch, str_c(str));
}

/* --- On a terminal -------------------------------------------------------- */

struct screen {
	string_t *str;
	unsigned int width, lines_left;
};

static void screen_init(struct screen *screen_r)
{
	struct winsize size;

	screen_r->str = t_str_new(4096);
	screen_r->width = 80;
	screen_r->lines_left = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 &&
	    size.ws_row > 0) {
		screen_r->width = size.ws_col;
		screen_r->lines_left = size.ws_row;
	}
	str_append(screen_r->str, TERMINAL_HOME);
}

/* Only as much of it as there is room for: nothing wraps or scrolls. What is
   written is ASCII, so a byte is a column. */
static void screen_line(struct screen *screen, const char *line)
{
	if (screen->lines_left == 0)
		return;
	screen->lines_left--;
	str_append_max(screen->str, line, screen->width);
	/* not when the line is full: it would take its last letter */
	if (strlen(line) < screen->width)
		str_append(screen->str, TERMINAL_CLEAR_LINE);
	if (screen->lines_left > 0)
		str_append(screen->str, "\r\n");
}

static void screen_figures(struct screen *screen, const struct watch *watch)
{
	const struct warden_health *health = &watch->health;

	screen_line(screen,
		    t_strdup_printf("%-26s %10u", "sessions not logged in",
				    watch->sessions));
	screen_line(screen, t_strdup_printf("%-26s %10.0f", "logins a second",
					    watch->logins));
	screen_line(screen, t_strdup_printf("%-26s %10.0f", "failures a second",
					    watch->failures));
	screen_line(screen, t_strdup_printf("%-26s %10.0f", "refused a second",
					    watch->refused));
	if (watch->dw->policy->mode == WARDEN_MODE_OBSERVE)
		screen_line(screen, t_strdup_printf("%-26s %10.0f",
						    "only observed a second",
						    watch->observed));
	screen_line(screen, t_strdup_printf("%-26s %10" PRIu64, "blocked hosts",
					    health->blocked));
	screen_line(screen, t_strdup_printf("%-26s %10" PRIu64, "known hosts",
					    health->known));
}

static void watch_draw(struct watch *watch)
{
	struct screen screen;

	screen_init(&screen);
	screen_line(&screen,
		    t_strdup_printf("Warden: mode %s, %s; Ctrl-C ends this",
				    watch_mode(watch), watch_time(watch)));
	if (!doveadm_warden_in_force(watch->dw))
		screen_line(&screen, "The service is silent: everybody is let "
				     "in. See doveadm warden status.");
	screen_line(&screen, "");
	screen_figures(&screen, watch);
	for (unsigned int i = 0; i <= watch->top.count; i++) T_BEGIN {
		const char *line = doveadm_top_line(watch->dw, &watch->top, i);

		if (i == 0)
			screen_line(&screen, "");
		if (line != NULL)
			screen_line(&screen, line);
	} T_END;
	str_append(screen.str, TERMINAL_CLEAR_BELOW);
	watch_write(watch, str_c(screen.str));
}

static void watch_enter(struct watch *watch)
{
	if (watch->terminal)
		watch_write(watch, TERMINAL_ENTER);
	watch->entered = watch->terminal;
}

static void watch_leave(struct watch *watch)
{
	if (watch->entered)
		watch_write(watch, TERMINAL_LEAVE);
	watch->entered = FALSE;
}

/* --- Signals -------------------------------------------------------------- */

static void watch_block_signals(struct watch *watch)
{
	static const int signals[] = { SIGINT,	SIGTERM, SIGHUP,
				       SIGQUIT, SIGTSTP, SIGWINCH };

	(void)sigemptyset(&watch->signals);
	for (unsigned int i = 0; i < N_ELEMENTS(signals); i++)
		(void)sigaddset(&watch->signals, signals[i]);
	if (sigprocmask(SIG_BLOCK, &watch->signals, &watch->old_signals) < 0)
		i_fatal("sigprocmask() failed: %m");
}

/* Ends as if nobody had blocked it, so that the shell sees why. */
static void watch_die(struct watch *watch, int number)
{
	struct sigaction act = { .sa_handler = SIG_DFL };

	(void)sigaction(number, &act, NULL);
	(void)raise(number);
	(void)sigprocmask(SIG_SETMASK, &watch->old_signals, NULL);
}

/* Monotonic time in ms. */
static uint64_t watch_clock(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
		i_fatal("clock_gettime() failed: %m");
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Waits until then. false: it is over. */
static bool watch_wait(struct watch *watch, uint64_t until)
{
	uint64_t now = watch_clock(), msecs = until > now ? until - now : 0;
	const struct timespec wait = {
		.tv_sec = (time_t)(msecs / 1000),
		.tv_nsec = (long)(msecs % 1000) * 1000000,
	};
	int number;

	number = sigtimedwait(&watch->signals, NULL, &wait);
	switch (number) {
	case -1: /* the time is over, or some other signal came */
	case SIGWINCH:
		return true;
	case SIGTSTP:
		watch_leave(watch);
		(void)raise(SIGSTOP);
		watch_enter(watch);
		return true;
	case SIGINT:
		watch_leave(watch);
		return false;
	default:
		watch_leave(watch);
		watch_die(watch, number);
		return false;
	}
}

/* --- All of it ------------------------------------------------------------ */

static bool watch_reopen(struct watch *watch)
{
	if (!warden_is_retired(watch->dw->warden))
		return true;
	/* what it says if it fails is for the screen of before */
	watch_leave(watch);
	doveadm_warden_close(watch->dw);
	if (!doveadm_warden_open(watch->dw))
		return false;
	warden_gauge_init(&watch->gauge, watch->dw->table, watch->dw->now);
	watch->looked = watch->dw->now;
	watch_enter(watch);
	return true;
}

static bool watch_once(struct watch *watch)
{
	if (!watch_reopen(watch))
		return false;
	T_BEGIN {
		watch_read(watch);
		if (watch->terminal)
			watch_draw(watch);
		else
			watch_print_line(watch);
	} T_END;
	return !watch->failed;
}

/* Dovecot's stats and config processes go on after Dovecot was stopped, as long
   as somebody is connected: doveadm is, and doveconf before it left it such a
   connection. It needs them no more. They are not closed here, since they have
   owners. */
static void watch_hang_up(void)
{
	for (int fd = STDERR_FILENO + 1; fd < WATCH_HANG_UP_FDS; fd++) {
		/* fails for what is no socket */
		(void)shutdown(fd, SHUT_RDWR);
	}
}

void doveadm_watch(struct doveadm_warden *dw)
{
	struct watch watch = { .dw = dw };
	uint64_t next = watch_clock();

	watch_hang_up();
	watch.terminal = isatty(STDOUT_FILENO) > 0;
	warden_gauge_init(&watch.gauge, dw->table, dw->now);
	watch.looked = dw->now;
	watch_block_signals(&watch);
	watch_enter(&watch);
	if (!watch.terminal || watch_once(&watch)) {
		do {
			/* not all at once what a stop has left out */
			next = I_MAX(next + WATCH_MSECS, watch_clock());
		} while (watch_wait(&watch, next) && watch_once(&watch));
	}
	watch_leave(&watch);
	(void)sigprocmask(SIG_SETMASK, &watch.old_signals, NULL);
}
