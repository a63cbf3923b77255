// SPDX-License-Identifier: BSD-2-Clause
/*
 * Our own BTF, held against the kernel's whole one. Exit 1 and a line on what is wrong.
 *
 *   same OBJECT        loaded with either, the kernel has the same instructions
 *   open OBJECT        the name of the errno, or the size of the BTF that was made
 *   window OBJECT      a BTF file that can't be mapped gives the same
 *   corrupt OBJECT NR  a BTF broken in NR ways makes an error or a BTF, and leaves nothing open
 *   load OBJECT full|small      milliseconds and peak KB, once
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "session/btf.h"

#define MAX_INSNS 65536

static struct {
	char *data;
	size_t size;
} object;

static bool no_map;

/* The linker sends every mmap() here: a file in sysfs could not be mapped before 6.16. */
void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (no_map && fd >= 0) {
		errno = ENODEV;
		return MAP_FAILED;
	}
	return __real_mmap(at, size, protection, flags, fd, offset);
}

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	exit(1);
}

static void *slurp_fd(int fd, size_t *ret_size)
{
	struct stat st;
	char *data;

	if (fd < 0 || fstat(fd, &st))
		die("cannot read: %s", strerror(errno));
	data = malloc(st.st_size + 1);
	if (!data || pread(fd, data, st.st_size, 0) != st.st_size)
		die("cannot read %ld bytes", (long)st.st_size);
	*ret_size = st.st_size;
	return data;
}

static int small_open(const char *from, char path[BTF_PATH_SIZE])
{
	return btf_small_open(from, object.data, object.size, path);
}

static struct bpf_object *object_load(bool small)
{
	char path[BTF_PATH_SIZE];
	int fd = small ? small_open(BTF_KERNEL, path) : -1;
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = small ? path : NULL);
	struct bpf_object *loaded;
	struct bpf_map *map;

	if (small && fd < 0)
		die("no BTF of our own: %s", strerror(-fd));
	loaded = bpf_object__open_mem(object.data, object.size, &opts);
	if (!loaded)
		die("cannot open: %s", strerror(errno));
	bpf_object__for_each_map(map, loaded) if (!bpf_map__max_entries(map))
		bpf_map__set_max_entries(map, 1);
	if (bpf_object__load(loaded))
		die("cannot load: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return loaded;
}

/* As the kernel has them, without the numbers of maps. */
static size_t instructions(const struct bpf_program *program, struct bpf_insn *ret)
{
	struct bpf_prog_info info = {
		.xlated_prog_len = MAX_INSNS * sizeof(*ret),
		.xlated_prog_insns = (unsigned long)ret,
	};
	__u32 size = sizeof(info);
	size_t i, nr;

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
		die("no information on %s: %s", bpf_program__name(program), strerror(errno));
	nr = info.xlated_prog_len / sizeof(*ret);
	if (!nr || !info.xlated_prog_insns)
		die("the kernel does not show instructions");
	for (i = 0; i < nr; i++)
		if (ret[i].code == (BPF_LD | BPF_IMM | BPF_DW) && ret[i].src_reg)
			ret[i].imm = 0;
	return nr;
}

static void check_same(void)
{
	struct bpf_insn *full_insns = calloc(MAX_INSNS, sizeof(*full_insns));
	struct bpf_insn *small_insns = calloc(MAX_INSNS, sizeof(*small_insns));
	struct bpf_object *full = object_load(false), *small = object_load(true);
	struct bpf_program *program, *other;
	size_t i, nr, total = 0;

	bpf_object__for_each_program(program, full)
	{
		other = bpf_object__find_program_by_name(small, bpf_program__name(program));
		nr = instructions(program, full_insns);
		if (nr != instructions(other, small_insns))
			die("%s differs in length", bpf_program__name(program));
		for (i = 0; i < nr; i++)
			if (memcmp(&full_insns[i], &small_insns[i], sizeof(*full_insns)))
				die("%s differs at instruction %zu: offset %d and %d, value %d and "
				    "%d",
				    bpf_program__name(program), i, full_insns[i].off,
				    small_insns[i].off, full_insns[i].imm, small_insns[i].imm);
		total += nr;
	}
	printf("%zu instructions\n", total);
}

static void check_open(void)
{
	char path[BTF_PATH_SIZE];
	int fd = small_open(BTF_KERNEL, path);
	size_t size;

	if (fd < 0) {
		printf("%s\n", strerrorname_np(-fd));
		return;
	}
	if (!(fcntl(fd, F_GETFD) & FD_CLOEXEC))
		die("is not closed on exec");
	free(slurp_fd(fd, &size));
	printf("%zu bytes\n", size);
}

static void check_window(void)
{
	char path[BTF_PATH_SIZE];
	size_t mapped_size, window_size;
	void *mapped = slurp_fd(small_open(BTF_KERNEL, path), &mapped_size), *window;

	no_map = true;
	window = slurp_fd(small_open(BTF_KERNEL, path), &window_size);
	if (mapped_size != window_size || memcmp(mapped, window, window_size))
		die("%zu bytes, other than the %zu of the mapped file", window_size, mapped_size);
	printf("%zu bytes\n", window_size);
	free(mapped);
	free(window);
}

static int nr_open(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int nr = 0;

	while (readdir(folder))
		nr++;
	closedir(folder);
	return nr;
}

/* Two bits, or one whole number of four bytes, or the file's end. */
static void corrupt(char *data, size_t size, int fd)
{
	static const __u32 numbers[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xffff};
	size_t at = rand() % size;

	switch (rand() % 3) {
	case 0:
		data[at] ^= 1 << rand() % 8;
		data[rand() % size] ^= 1 << rand() % 8;
		break;
	case 1:
		at = (at & ~3UL) + 4 <= size ? at & ~3UL : 0;
		memcpy(data + at, &numbers[rand() % 6], 4);
		break;
	default:
		size = at;
	}
	if (ftruncate(fd, size) || pwrite(fd, data, size, 0) != (ssize_t)size)
		die("cannot write: %s", strerror(errno));
}

/* The small one serves as the kernel's: nearly all of its bytes matter, and it is read fast. */
static void check_corrupt(int nr)
{
	char path[BTF_PATH_SIZE], from[64], *good, *bad;
	int fd, before, i, made = 0, refused = 0, first = small_open(BTF_KERNEL, path);
	size_t size;

	good = slurp_fd(first, &size);
	bad = malloc(size);
	strcpy(from, path);
	fd = small_open(from, path);
	if (fd < 0)
		die("the small BTF is none itself: %s", strerror(-fd));
	close(fd);
	before = nr_open();
	srand(1);
	for (i = 0; i < nr; i++) {
		memcpy(bad, good, size);
		corrupt(bad, size, first);
		no_map = i % 2;
		fd = small_open(from, path);
		if (fd >= 0)
			close(fd);
		fd >= 0 ? made++ : refused++;
	}
	if (nr_open() != before)
		die("%d files stayed open", nr_open() - before);
	if (!made || !refused)
		die("%d made, %d refused: nothing was tried", made, refused);
	printf("%d made, %d refused\n", made, refused);
	free(good);
	free(bad);
}

static void check_load(bool small)
{
	struct timespec begin, end;
	struct rusage usage;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	object_load(small);
	clock_gettime(CLOCK_MONOTONIC, &end);
	getrusage(RUSAGE_SELF, &usage);
	printf("%.1f %ld\n",
	       (end.tv_sec - begin.tv_sec) * 1e3 + (end.tv_nsec - begin.tv_nsec) / 1e6,
	       usage.ru_maxrss);
}

static int print_warning(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	libbpf_set_print(print_warning);
	object.data = slurp_fd(open(argv[2], O_RDONLY | O_CLOEXEC), &object.size);
	if (!strcmp(argv[1], "same"))
		check_same();
	else if (!strcmp(argv[1], "open"))
		check_open();
	else if (!strcmp(argv[1], "window"))
		check_window();
	else if (!strcmp(argv[1], "corrupt") && argc > 3)
		check_corrupt(atoi(argv[3]));
	else if (!strcmp(argv[1], "load") && argc > 3)
		check_load(!strcmp(argv[3], "small"));
	else
		return 2;
	free(object.data);
	return 0;
}
