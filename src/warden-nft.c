/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

#include "warden-nft.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <nftables/libnftables.h>

#define NFT_LIBRARY "libnftables.so.1"

struct nft_functions {
	__typeof__(nft_ctx_new) *ctx_new;
	__typeof__(nft_ctx_free) *ctx_free;
	__typeof__(nft_ctx_buffer_output) *buffer_output;
	__typeof__(nft_ctx_buffer_error) *buffer_error;
	__typeof__(nft_ctx_get_output_buffer) *get_output;
	__typeof__(nft_ctx_get_error_buffer) *get_error;
	__typeof__(nft_ctx_output_set_flags) *set_flags;
	__typeof__(nft_run_cmd_from_buffer) *run;
};

/* One for all in the process: that of 2021 (0.9.8) has variables which each
   nft_ctx_free() frees. */
static struct nft_library {
	void *handle;
	struct nft_functions f;
	struct nft_ctx *ctx;
	unsigned int users;
} nft_library;

struct warden_nft {
	int fd; /* of our own, to ask for the generation */
	uint32_t sequence;
	bool uses_library;
};

/* --- The library ---------------------------------------------------------- */

static bool library_find_functions(struct nft_library *lib)
{
	const struct {
		void **function;
		const char *name;
	} symbols[] = {
		{ (void **)&lib->f.ctx_new, "nft_ctx_new" },
		{ (void **)&lib->f.ctx_free, "nft_ctx_free" },
		{ (void **)&lib->f.buffer_output, "nft_ctx_buffer_output" },
		{ (void **)&lib->f.buffer_error, "nft_ctx_buffer_error" },
		{ (void **)&lib->f.get_output, "nft_ctx_get_output_buffer" },
		{ (void **)&lib->f.get_error, "nft_ctx_get_error_buffer" },
		{ (void **)&lib->f.set_flags, "nft_ctx_output_set_flags" },
		{ (void **)&lib->f.run, "nft_run_cmd_from_buffer" },
	};

	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		*symbols[i].function = dlsym(lib->handle, symbols[i].name);
		if (*symbols[i].function == NULL)
			return false;
	}
	return true;
}

static void library_unload(struct nft_library *lib)
{
	if (lib->ctx != NULL)
		lib->f.ctx_free(lib->ctx);
	if (lib->handle != NULL)
		(void)dlclose(lib->handle);
	memset(lib, 0, sizeof(*lib));
}

static bool library_load(struct nft_library *lib, struct warden_error *error_r)
{
	lib->handle = dlopen(NFT_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (lib->handle == NULL || !library_find_functions(lib)) {
		const char *reason = dlerror();

		warden_error_set(error_r,
				 "libnftables cannot be loaded, is its package "
				 "installed? (%s)",
				 reason == NULL ? NFT_LIBRARY : reason);
		return false;
	}
	lib->ctx = lib->f.ctx_new(NFT_CTX_DEFAULT);
	if (lib->ctx == NULL || lib->f.buffer_output(lib->ctx) != 0 ||
	    lib->f.buffer_error(lib->ctx) != 0) {
		warden_error_set(error_r, "libnftables has no memory");
		return false;
	}
	return true;
}

static bool library_use(struct nft_library *lib, struct warden_error *error_r)
{
	if (lib->users == 0 && !library_load(lib, error_r)) {
		library_unload(lib);
		return false;
	}
	lib->users++;
	return true;
}

static void library_leave(struct nft_library *lib)
{
	if (--lib->users == 0)
		library_unload(lib);
}

struct warden_nft *warden_nft_open(struct warden_error *error_r)
{
	/* the kernel answers at once, or not at all */
	const struct timeval timeout = { .tv_sec = 1 };
	struct warden_nft *nft = calloc(1, sizeof(*nft));

	if (nft == NULL) {
		warden_error_set(error_r, "out of memory");
		return NULL;
	}
	/* first ours: the library ends the process where it gets no socket */
	nft->fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (nft->fd == -1 || setsockopt(nft->fd, SOL_SOCKET, SO_RCVTIMEO,
					&timeout, sizeof(timeout)) < 0) {
		warden_error_set(error_r, "no netlink socket: %s",
				 strerror(errno));
		warden_nft_close(&nft);
	} else if (!library_use(&nft_library, error_r)) {
		warden_nft_close(&nft);
	} else {
		nft->uses_library = true;
	}
	return nft;
}

void warden_nft_close(struct warden_nft **_nft)
{
	struct warden_nft *nft = *_nft;

	if (nft == NULL)
		return;
	*_nft = NULL;
	if (nft->uses_library)
		library_leave(&nft_library);
	if (nft->fd != -1)
		(void)close(nft->fd);
	free(nft);
}

/* --- Commands ------------------------------------------------------------- */

/* "internal:0:0-0: Error: No such file or directory; did you mean ..." and then
   the command again and where it is wrong in it: from there on nothing is of
   use. */
static void nft_error_set(const char *text, struct warden_error *error_r)
{
	const char *error = strstr(text, "Error: ");

	error = error == NULL ? text : error + strlen("Error: ");
	if (*error == '\0')
		error = "nft does not say why";
	warden_error_set(error_r, "%.*s", (int)strcspn(error, ";\n"), error);
}

bool warden_nft_run(struct warden_nft *nft, const char *commands, bool terse,
		    const char **output_r, bool *missing_r,
		    struct warden_error *error_r)
{
	const struct nft_library *lib = &nft_library;
	const char *output;

	(void)nft;
	lib->f.set_flags(lib->ctx, NFT_CTX_OUTPUT_STATELESS |
					   NFT_CTX_OUTPUT_NUMERIC_PRIO |
					   (terse ? NFT_CTX_OUTPUT_TERSE : 0));
	if (lib->f.run(lib->ctx, commands) != 0) {
		const char *error = lib->f.get_error(lib->ctx);

		if (error == NULL)
			error = "";
		nft_error_set(error, error_r);
		*missing_r = strstr(error, strerror(ENOENT)) != NULL;
		return false;
	}
	output = lib->f.get_output(lib->ctx);
	if (output_r != NULL)
		*output_r = output == NULL ? "" : output;
	*missing_r = false;
	return true;
}

/* --- The generation ------------------------------------------------------- */

struct generation_request {
	struct nlmsghdr header;
	struct nfgenmsg gen;
};

/* false: errno says why. */
static bool generation_ask(struct warden_nft *nft)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const struct generation_request request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 |
				      NFT_MSG_GETGEN,
			.nlmsg_flags = NLM_F_REQUEST,
			.nlmsg_seq = ++nft->sequence,
		},
		.gen = { .nfgen_family = AF_UNSPEC,
			 .version = NFNETLINK_V0 },
	};
	ssize_t sent;

	sent = sendto(nft->fd, &request, sizeof(request), 0,
		      (const void *)&kernel, sizeof(kernel));
	if (sent == (ssize_t)sizeof(request))
		return true;
	if (sent >= 0)
		errno = EIO;
	return false;
}

/* The kernel's answer, of `size` bytes. false: errno says why. */
static bool generation_take(const unsigned char *data, size_t size,
			    unsigned int type, uint32_t *generation_r)
{
	const size_t head = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	struct nlmsgerr error;

	errno = EPROTO;
	if (type == NLMSG_ERROR && size >= NLMSG_LENGTH(sizeof(error))) {
		memcpy(&error, data + NLMSG_HDRLEN, sizeof(error));
		errno = error.error < 0 ? -error.error : EPROTO;
	}
	if (type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN))
		return false;
	for (size_t at = head; at + NLA_HDRLEN <= size;) {
		struct nlattr attr;
		uint32_t generation;

		memcpy(&attr, data + at, sizeof(attr));
		if (attr.nla_len < NLA_HDRLEN || attr.nla_len > size - at)
			return false;
		if ((attr.nla_type & NLA_TYPE_MASK) == NFTA_GEN_ID &&
		    attr.nla_len >= NLA_HDRLEN + sizeof(generation)) {
			const unsigned char *b = data + at + NLA_HDRLEN;

			*generation_r = (uint32_t)b[0] << 24 |
					(uint32_t)b[1] << 16 |
					(uint32_t)b[2] << 8 | b[3];
			return true;
		}
		at += NLA_ALIGN(attr.nla_len);
	}
	return false;
}

static bool generation_hear(struct warden_nft *nft, uint32_t *generation_r)
{
	union {
		struct nlmsghdr header;
		unsigned char bytes[1024];
	} answer;
	ssize_t size;

	/* perhaps one to a question that had no answer in time before it */
	do {
		size = recv(nft->fd, &answer, sizeof(answer), 0);
		if (size < (ssize_t)sizeof(answer.header)) {
			if (size >= 0)
				errno = EPROTO;
			return false;
		}
	} while (answer.header.nlmsg_seq != nft->sequence);
	if (answer.header.nlmsg_len < sizeof(answer.header) ||
	    answer.header.nlmsg_len > (size_t)size) {
		errno = EPROTO;
		return false;
	}
	return generation_take(answer.bytes, answer.header.nlmsg_len,
			       answer.header.nlmsg_type, generation_r);
}

bool warden_nft_generation(struct warden_nft *nft, uint32_t *generation_r,
			   struct warden_error *error_r)
{
	errno = 0;
	if (generation_ask(nft) && generation_hear(nft, generation_r))
		return true;
	if (errno == EPERM) {
		warden_error_set(error_r,
				 "CAP_NET_ADMIN is missing (systemd's "
				 "CapabilityBoundingSet for Dovecot, or a "
				 "container without it)");
	} else if (errno == EINVAL || errno == EOPNOTSUPP) {
		warden_error_set(error_r, "the kernel has no nf_tables: %s",
				 strerror(errno));
	} else {
		warden_error_set(error_r, "asking the kernel failed: %s",
				 strerror(errno));
	}
	return false;
}
