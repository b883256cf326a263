/* Copyright (c) 2026 dovecot-warden authors, see the included COPYING file */

/* usage: PROGRAM FILE|DIRECTORY...

   Where there is no libFuzzer the corpus at least is run through a target
   once. Ends like libFuzzer's own driver: 0, or by a signal. */

#include <sys/stat.h>

#include "fuzz.h"

static unsigned int replayed;

static void replay_file(const char *path)
{
	size_t size;
	char *data = fuzz_file_get(path, &size);

	FUZZ_CHECK(data != NULL);
	(void)LLVMFuzzerTestOneInput((const uint8_t *)data, size);
	free(data);
	replayed++;
}

static void replay_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char name[1024];

	FUZZ_CHECK(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path,
			       entry->d_name);
		replay_file(name);
	}
	(void)closedir(dir);
}

int main(int argc, char **argv)
{
	struct stat st;

	for (int i = 1; i < argc; i++) {
		FUZZ_CHECK(stat(argv[i], &st) == 0);
		if (S_ISDIR(st.st_mode))
			replay_dir(argv[i]);
		else
			replay_file(argv[i]);
	}
	(void)printf("%u inputs\n", replayed);
	return replayed == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
