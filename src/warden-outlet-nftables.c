/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* Blocks as elements of nftables' sets, each with its own timeout: the kernel
   takes out by itself whoever's block is over, also when we are no more.

   What was put in is kept, so that a change costs only the difference. It is
   read back where somebody else has changed something in nftables: that may
   have been "nft flush ruleset". Whatever goes wrong with the difference, the
   sets are emptied and filled anew, which needs nothing to be as it was. */

#include "warden-outlet.h"

#include <stdlib.h>
#include <string.h>

#include "warden-nft-script.h"
#include "warden-nft.h"

/* As many as the deny file has lines, and for a like reason: with each change
   libnftables reads back what is in the set, 50 ms for so many. */
#define NFTABLES_MAX 20000
#define NFTABLES_INTERVAL_MSECS 250
/* More of it the more there are, so that no attack keeps us busy with this. */
#define NFTABLES_INTERVAL_MORE_MSECS 400
#define NFTABLES_RETRY_MSECS 1000
/* In one go where all at once is not to be had: more of them do not fit into a
   socket's buffer that we may not enlarge. */
#define NFTABLES_BATCH 2000
/* libnftables looks through all that is there for each that it is to delete; so
   many looks take 0.1 s, and that is what filling takes. */
#define NFTABLES_DELETE_LOOKS 100000

enum nftables_fault {
	NFTABLES_WORKS,
	NFTABLES_MISSING, /* no table or set */
	NFTABLES_FAILS,
};

struct nftables_list {
	struct warden_denied elements[NFTABLES_MAX];
	size_t count;
};

struct nftables {
	struct warden_outlet outlet;
	const struct warden_nft_names *names; /* of the settings */
	struct warden_nft *nft;		      /* NULL: open_error */
	struct warden_error open_error;
	/* In the order of element_compare(), and none inside of another. Of what
	   was in the sets and is not ours until_secs is 0. */
	struct nftables_list wanted, present;
	bool present_known;
	uint32_t generation; /* since which it is as in present */
	bool dirty;
	enum nftables_fault fault; /* that was logged */
	uint64_t next;		   /* not before */
};

static struct nftables *nftables_of(struct warden_outlet *outlet)
{
	return (struct nftables *)(void *)outlet;
}

static bool nftables_is_wanted(const struct warden_settings *settings)
{
	return settings->nftables.family[0] != '\0';
}

static struct warden_outlet *
nftables_create(const struct warden_settings *settings)
{
	struct nftables *nftables = calloc(1, sizeof(*nftables));

	if (nftables == NULL)
		return NULL;
	nftables->names = &settings->nftables;
	nftables->nft = warden_nft_open(&nftables->open_error);
	/* what is there now is of another run */
	nftables->dirty = true;
	return &nftables->outlet;
}

static void nftables_free(struct warden_outlet *outlet)
{
	struct nftables *nftables = nftables_of(outlet);

	warden_nft_close(&nftables->nft);
	free(nftables);
}

/* --- Lists ---------------------------------------------------------------- */

/* A network comes right before all that is inside of it. */
static int element_compare(const void *a, const void *b)
{
	const struct warden_net *net_a =
		&((const struct warden_denied *)a)->net;
	const struct warden_net *net_b =
		&((const struct warden_denied *)b)->net;
	int order;

	if (net_a->family != net_b->family)
		return net_a->family < net_b->family ? -1 : 1;
	order = memcmp(net_a->bytes, net_b->bytes, sizeof(net_a->bytes));
	return order != 0 ? order : net_a->bits - net_b->bits;
}

static void list_sort(struct nftables_list *list)
{
	size_t kept = 0;

	if (list->count == 0)
		return;
	qsort(list->elements, list->count, sizeof(list->elements[0]),
	      element_compare);
	for (size_t i = 1; i < list->count; i++) {
		if (!warden_net_contains(&list->elements[kept].net,
					 &list->elements[i].net))
			list->elements[++kept] = list->elements[i];
	}
	list->count = kept + 1;
}

static bool net_is_sane(const struct warden_net *net)
{
	return (net->family == WARDEN_INET || net->family == WARDEN_INET6) &&
	       net->bits > 0 && net->bits <= warden_net_max_bits(net);
}

static bool nftables_set(struct warden_outlet *outlet,
			 const struct warden_denied *denied, size_t count)
{
	struct nftables *nftables = nftables_of(outlet);
	struct nftables_list *wanted = &nftables->wanted;

	wanted->count = 0;
	for (size_t i = 0; i < count && wanted->count < NFTABLES_MAX; i++) {
		if (net_is_sane(&denied[i].net) &&
		    warden_nft_names_have(nftables->names,
					  denied[i].net.family))
			wanted->elements[wanted->count++] = denied[i];
	}
	list_sort(wanted);
	nftables->dirty = true;
	return true;
}

/* --- Commands ------------------------------------------------------------- */

struct nftables_result {
	struct warden_error error;
	bool missing;
};

/* What one go is to do: first flush, if it is to, then take out, then put
   in. */
struct nftables_batch {
	bool flush;
	const struct warden_denied *del, *add;
	size_t del_count, add_count;
};

static bool batch_run(struct nftables *nftables,
		      const struct nftables_batch *batch, uint32_t now_secs,
		      struct nftables_result *result)
{
	char *commands = NULL;
	size_t size;
	FILE *file = open_memstream(&commands, &size);
	bool ok = false;

	result->missing = false;
	warden_error_set(&result->error, "out of memory");
	if (file == NULL)
		return false;
	if (batch->flush)
		warden_nft_write_flush(file, nftables->names);
	warden_nft_write_delete(file, nftables->names, batch->del,
				batch->del_count);
	warden_nft_write_add(file, nftables->names, batch->add,
			     batch->add_count, now_secs);
	if (fclose(file) == 0) {
		ok = size == 0 ||
		     warden_nft_run(nftables->nft, commands, false, NULL,
				    &result->missing, &result->error);
		if (ok && size > 0)
			nftables->generation++;
	}
	free(commands);
	return ok;
}

/* Whatever is there, with so many in one go. */
static bool nftables_fill_by(struct nftables *nftables, size_t room,
			     uint32_t now_secs, struct nftables_result *result)
{
	const struct nftables_list *wanted = &nftables->wanted;
	struct nftables_batch batch = { .flush = true };
	size_t done = 0;

	do {
		batch.add = wanted->elements + done;
		batch.add_count = wanted->count - done;
		if (batch.add_count > room)
			batch.add_count = room;
		if (!batch_run(nftables, &batch, now_secs, result))
			return false;
		done += batch.add_count;
		batch.flush = false;
	} while (done < wanted->count);
	nftables->present = *wanted;
	nftables->present_known = true;
	return true;
}

/* At once nobody gets out for a moment who is to stay in. */
static bool nftables_fill(struct nftables *nftables, uint32_t now_secs,
			  struct nftables_result *result)
{
	if (nftables_fill_by(nftables, NFTABLES_MAX, now_secs, result))
		return true;
	return !result->missing && nftables->wanted.count > NFTABLES_BATCH &&
	       nftables_fill_by(nftables, NFTABLES_BATCH, now_secs, result);
}

/* --- The difference ------------------------------------------------------- */

struct nftables_difference {
	struct warden_denied del[NFTABLES_BATCH], add[NFTABLES_BATCH];
	size_t del_count, add_count;
};

/* Of what is there and what should be, next in order; either may be NULL, and
   leaves by itself when it is over. */
static void difference_add(struct nftables_difference *diff,
			   const struct warden_denied *old,
			   const struct warden_denied *new, uint32_t now_secs)
{
	if (old != NULL && new != NULL && old->until_secs == new->until_secs)
		return;
	if (old != NULL &&
	    (new != NULL || old->until_secs == 0 || old->until_secs > now_secs))
		diff->del[diff->del_count++] = *old;
	if (new != NULL)
		diff->add[diff->add_count++] = *new;
}

/* false: it is too large. */
static bool difference_make(struct nftables_difference *diff,
			    const struct nftables_list *present,
			    const struct nftables_list *wanted,
			    uint32_t now_secs)
{
	size_t p = 0, w = 0;

	while (p < present->count || w < wanted->count) {
		const struct warden_denied *old = NULL, *new = NULL;
		int order = 0;

		if (p < present->count)
			old = &present->elements[p];
		if (w < wanted->count)
			new = &wanted->elements[w];
		if (old != NULL && new != NULL)
			order = element_compare(old, new);
		if (order > 0)
			old = NULL;
		else if (order < 0)
			new = NULL;
		difference_add(diff, old, new, now_secs);
		if (diff->del_count * present->count > NFTABLES_DELETE_LOOKS ||
		    diff->del_count == NFTABLES_BATCH ||
		    diff->add_count == NFTABLES_BATCH)
			return false;
		p += old != NULL ? 1 : 0;
		w += new != NULL ? 1 : 0;
	}
	return true;
}

static bool nftables_change(struct nftables *nftables, uint32_t now_secs,
			    struct nftables_result *result)
{
	struct nftables_difference *diff = calloc(1, sizeof(*diff));
	bool ok = false;

	if (diff != NULL && difference_make(diff, &nftables->present,
					    &nftables->wanted, now_secs)) {
		const struct nftables_batch batch = {
			.del = diff->del,
			.add = diff->add,
			.del_count = diff->del_count,
			.add_count = diff->add_count,
		};

		ok = batch_run(nftables, &batch, now_secs, result);
	}
	if (ok)
		nftables->present = nftables->wanted;
	free(diff);
	return ok;
}

/* --- What is there -------------------------------------------------------- */

static uint32_t list_until(const struct nftables_list *list,
			   const struct warden_net *net)
{
	const struct warden_denied key = { .net = *net };
	const struct warden_denied *found =
		bsearch(&key, list->elements, list->count,
			sizeof(list->elements[0]), element_compare);

	return found == NULL ? 0 : found->until_secs;
}

/* false: the sets cannot be read. *count_r: how many are in there, -1: more than
   we put there, or others. */
static bool nftables_list(struct nftables *nftables, struct warden_net *nets,
			  int *count_r, struct nftables_result *result)
{
	static const enum warden_family families[] = { WARDEN_INET,
						       WARDEN_INET6 };
	char command[WARDEN_NFT_LIST_STRLEN];
	const char *text;

	*count_r = 0;
	for (size_t i = 0; i < 2 && *count_r >= 0; i++) {
		int count;

		if (!warden_nft_names_have(nftables->names, families[i]))
			continue;
		if (!warden_nft_run(
			    nftables->nft,
			    warden_nft_list_format(nftables->names, families[i],
						   command),
			    false, &text, &result->missing, &result->error))
			return false;
		count = warden_nft_parse_sets(text, nets + *count_r,
					      NFTABLES_MAX - (size_t)*count_r);
		*count_r = count < 0 ? -1 : *count_r + count;
	}
	return true;
}

/* Of what is ours we know until when. */
static void nftables_take_present(struct nftables *nftables,
				  struct nftables_list *list,
				  const struct warden_net *nets, size_t count)
{
	list->count = count;
	for (size_t i = 0; i < count; i++) {
		list->elements[i].net = nets[i];
		list->elements[i].until_secs =
			list_until(&nftables->present, &nets[i]);
	}
	list_sort(list);
	nftables->present = *list;
}

/* Into present, if it can be known. */
static bool nftables_read(struct nftables *nftables,
			  struct nftables_result *result)
{
	struct nftables_list *list = malloc(sizeof(*list));
	struct warden_net *nets = calloc(NFTABLES_MAX, sizeof(*nets));
	bool ok = false;
	int count = -1;

	if (list == NULL || nets == NULL)
		warden_error_set(&result->error, "out of memory");
	else
		ok = nftables_list(nftables, nets, &count, result);
	nftables->present_known = ok && count >= 0;
	if (nftables->present_known)
		nftables_take_present(nftables, list, nets, (size_t)count);
	free(list);
	free(nets);
	return ok;
}

/* Everything is as we left it, unless somebody else was there. */
static bool nftables_update(struct nftables *nftables, uint32_t now_secs,
			    struct nftables_result *result)
{
	uint32_t generation;

	if (!warden_nft_generation(nftables->nft, &generation, &result->error))
		return false;
	if (generation != nftables->generation && nftables->present_known &&
	    !nftables_read(nftables, result))
		return false;
	nftables->generation = generation;
	if (nftables->present_known &&
	    nftables_change(nftables, now_secs, result))
		return true;
	if (!nftables_fill(nftables, now_secs, result))
		return false;
	/* to empty what is empty is no change */
	return nftables->wanted.count > 0 ||
	       warden_nft_generation(nftables->nft, &nftables->generation,
				     &result->error);
}

/* Somebody may have changed something. */
static void nftables_look(struct warden_outlet *outlet)
{
	struct nftables *nftables = nftables_of(outlet);
	struct warden_error error;
	uint32_t generation;

	if (nftables->nft != NULL && !nftables->dirty &&
	    (!warden_nft_generation(nftables->nft, &generation, &error) ||
	     generation != nftables->generation))
		nftables->dirty = true;
}

/* --- When ----------------------------------------------------------------- */

static void nftables_failed(struct nftables *nftables,
			    const struct nftables_result *result,
			    struct warden_report *report)
{
	enum nftables_fault fault =
		result->missing ? NFTABLES_MISSING : NFTABLES_FAILS;
	char table[WARDEN_NFT_TABLE_STRLEN], sets[WARDEN_NFT_SETS_STRLEN];

	nftables->present_known = false;
	if (fault == nftables->fault)
		return;
	nftables->fault = fault;
	if (fault == NFTABLES_MISSING) {
		warden_report_line(
			report, WARDEN_LEVEL_ERROR,
			"nftables does not know who is blocked: table %s with "
			"%s is not there, doveadm warden setup --nftables "
			"--apply makes it",
			warden_nft_table_format(nftables->names, table),
			warden_nft_sets_format(nftables->names, sets));
	} else {
		warden_report_line(report, WARDEN_LEVEL_ERROR,
				   "nftables does not know who is blocked: %s",
				   result->error.text);
	}
}

static void nftables_tick(struct warden_outlet *outlet,
			  struct warden_report *report, bool at_once,
			  uint64_t now)
{
	struct nftables *nftables = nftables_of(outlet);
	struct nftables_result result = { .missing = false };
	bool ok = false;

	if (!nftables->dirty || (now < nftables->next && !at_once))
		return;
	/* the last word: needs nothing to be as it was */
	if (at_once)
		nftables->present_known = false;
	if (nftables->nft == NULL)
		result.error = nftables->open_error;
	else
		ok = nftables_update(nftables, (uint32_t)(now / 1000), &result);
	nftables->next = now + NFTABLES_RETRY_MSECS;
	if (!ok) {
		nftables_failed(nftables, &result, report);
		return;
	}
	nftables->dirty = false;
	nftables->fault = NFTABLES_WORKS;
	nftables->next = now + NFTABLES_INTERVAL_MSECS +
			 NFTABLES_INTERVAL_MORE_MSECS * nftables->wanted.count /
				 NFTABLES_MAX;
}

static uint32_t nftables_faults(const struct warden_outlet *outlet)
{
	const struct nftables *nftables = (const void *)outlet;

	switch (nftables->fault) {
	case NFTABLES_WORKS:
		break;
	case NFTABLES_MISSING:
		return WARDEN_FAULT_NFTABLES_SETS;
	case NFTABLES_FAILS:
		return WARDEN_FAULT_NFTABLES;
	}
	return 0;
}

const struct warden_outlet_type warden_outlet_nftables = {
	.is_wanted = nftables_is_wanted,
	.create = nftables_create,
	.free = nftables_free,
	.set = nftables_set,
	.look = nftables_look,
	.tick = nftables_tick,
	.faults = nftables_faults,
	.memory = WARDEN_NFT_MEMORY,
};
