// SPDX-License-Identifier: BSD-2-Clause
/* ELF files: this very program, and copies of it that lie about themselves. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "base/cleanup.h"
#include "target/elf.h"
#include "target/maps.h"

/* Looked for below. */
const __u64 elf_test_constant = 0x1122334455667788;
static int elf_test_local = 7;
__thread int elf_test_thread_local = 1;

static char *image; /* of this program */
static size_t image_size;

static int setup(void **state)
{
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -1;
	image_size = st.st_size;
	image = malloc(image_size);
	elf_test_thread_local += elf_test_local;
	return image && pread(fd, image, image_size, 0) == (ssize_t)image_size ? 0 : -1;
}

static int teardown(void **state)
{
	free(image);
	return 0;
}

static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	return fd;
}

static __u64 own_bias(struct elf *elf)
{
	struct maps maps;
	__u64 bias = 0;
	size_t i;

	assert_int_equal(maps_init(&maps, getpid()), 0);
	for (i = 0; i < maps.nr_maps; i++)
		if (maps.maps[i].inode)
			break;
	/* This program is mapped below its libraries. */
	assert_int_equal(elf_load_bias(elf, maps.maps[i].start, maps.maps[i].offset, &bias), 0);
	maps_done(&maps);
	return bias;
}

static void finds_symbols(void **state)
{
	static const char *const names[] = {
		"elf_test_constant", "elf_test_local", "no_such_name", "elf_test_thread_local",
		"constant",	     "main",	       "fopen"};
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY);
	struct elf_symbol symbols[7] = {[2] = {1, 1}};
	struct elf *elf;
	__u64 bias, value;

	assert_int_equal(elf_open(fd, &elf), 0);
	assert_int_equal(elf_find_symbols(elf, names, 7, symbols), 3);
	bias = own_bias(elf);
	assert_int_equal(symbols[0].value + bias, (uintptr_t)&elf_test_constant);
	assert_int_equal(symbols[0].size, 8);
	assert_int_equal(symbols[1].value + bias, (uintptr_t)&elf_test_local);
	assert_int_equal(symbols[2].value, 0);
	assert_int_equal(symbols[3].value, 0); /* an offset, no address */
	assert_int_equal(symbols[4].value, 0); /* the end of a name is no name */
	assert_true(symbols[5].value != 0);
	assert_int_equal(symbols[6].value, 0); /* not defined here */
	assert_int_equal(elf_read(elf, symbols[0].value, &value, 8), 0);
	assert_int_equal(value, elf_test_constant);
	elf_close(elf);
}

/* A stripped file still has what it exports. */
static void finds_exported_symbols(void **state)
{
	static const char *const names[] = {"fopen", "malloc", "getpid", "__libc_start_main"};
	struct elf_symbol symbols[4];
	_cleanup_close_ int fd = -1;
	struct elf *elf;
	struct maps maps;
	__u64 bias;
	size_t i;

	assert_int_equal(maps_init(&maps, getpid()), 0);
	for (i = 0; i < maps.nr_maps; i++)
		if (strstr(maps.maps[i].path, "/libc.so"))
			break;
	if (i == maps.nr_maps)
		skip(); /* linked otherwise */
	fd = open(maps.maps[i].path, O_RDONLY);
	assert_int_equal(elf_open(fd, &elf), 0);
	assert_int_equal(elf_find_symbols(elf, names, 4, symbols), 4);
	assert_int_equal(elf_load_bias(elf, maps.maps[i].start, maps.maps[i].offset, &bias), 0);
	assert_int_equal(symbols[2].value + bias, (uintptr_t)getpid);
	elf_close(elf);
	maps_done(&maps);
}

static void finds_sections(void **state)
{
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY);
	struct elf_symbol section;
	struct elf *elf;

	assert_int_equal(elf_open(fd, &elf), 0);
	assert_int_equal(elf_find_section(elf, ".data", &section), 0);
	assert_true((uintptr_t)&elf_test_local - own_bias(elf) - section.value < section.size);
	assert_int_equal(elf_find_section(elf, ".dat", &section), -ENOENT);
	assert_int_equal(elf_find_section(elf, "", &section), -ENOENT);
	elf_close(elf);
}

static void reads_bounded(void **state)
{
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY);
	struct elf *elf;
	char byte = 1;

	assert_int_equal(elf_open(fd, &elf), 0);
	assert_int_equal(elf_read(elf, 0, &byte, 1), 0);
	assert_int_equal(byte, 0x7f);
	assert_int_equal(elf_read(elf, -1ULL, &byte, 1), -ENOENT);
	assert_int_equal(elf_read(elf, 0, &byte, (size_t)-1), -ENOENT);
	elf_close(elf);
}

/* The segments of a shared library as lld lays them out: the code's first page is shared. */
static void load_bias(void **state)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segments[3];
	} file;
	_cleanup_close_ int fd = -1, fixed = -1;
	struct elf *elf;
	__u64 bias = 1;

	memcpy(&file.header, image, sizeof(file.header));
	file.header.e_type = ET_DYN;
	file.header.e_phoff = sizeof(file.header);
	file.header.e_phnum = 3;
	file.header.e_shnum = file.header.e_shoff = file.header.e_shstrndx = 0;
	memset(file.segments, 0, sizeof(file.segments));
	file.segments[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_filesz = 0x1f234};
	file.segments[1] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_offset = 0x1f240, .p_vaddr = 0x20240, .p_filesz = 0x5000};
	file.segments[2] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_offset = 0x24240, .p_vaddr = 0x26240, .p_filesz = -1ULL};
	fd = file_of(&file, sizeof(file));
	assert_int_equal(elf_open(fd, &elf), 0);
	assert_int_equal(elf_load_bias(elf, 0x7f0000000000, 0, &bias), 0);
	assert_int_equal(bias, 0x7f0000000000);
	assert_int_equal(elf_load_bias(elf, 0x7f0000020000, 0x1f000, &bias), 0);
	assert_int_equal(bias, 0x7f0000000000);
	assert_int_equal(elf_load_bias(elf, 0x7f0000021000, 0x20000, &bias), 0);
	assert_int_equal(bias, 0x7f0000000000);
	assert_int_equal(elf_load_bias(elf, 0x7f0000000000, 0x1000000, &bias), -ENOENT);
	elf_close(elf);

	file.header.e_type = ET_EXEC;
	fixed = file_of(&file, sizeof(file));
	assert_int_equal(elf_open(fixed, &elf), 0);
	assert_int_equal(elf_load_bias(elf, 0x400000, 0, &bias), 0);
	assert_int_equal(bias, 0);
	elf_close(elf);
}

/* What does not look like ours is said to be none. */
static void refuses(void **state)
{
	static const struct {
		size_t at;
		unsigned char byte;
	} lies[] = {{0, 'E'},
		    {EI_CLASS, ELFCLASS32},
		    {EI_DATA, ELFDATA2MSB},
		    {EI_VERSION, 9},
		    {offsetof(Elf64_Ehdr, e_machine), EM_386},
		    {offsetof(Elf64_Ehdr, e_type), ET_REL},
		    {offsetof(Elf64_Ehdr, e_phentsize), 1},
		    {offsetof(Elf64_Ehdr, e_phnum) + 1, 0xff},
		    {offsetof(Elf64_Ehdr, e_phoff) + 7, 0x80}};
	_cleanup_close_ int null = open("/dev/null", O_RDONLY);
	struct elf *elf = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		unsigned char was = image[lies[i].at];
		int fd;

		image[lies[i].at] = lies[i].byte;
		fd = file_of(image, image_size);
		assert_int_equal(elf_open(fd, &elf), -ENOEXEC);
		close(fd);
		image[lies[i].at] = was;
	}
	assert_int_equal(elf_open(null, &elf), -ENOEXEC);
	assert_null(elf);
}

static void try_everything(int fd)
{
	static const char *const names[] = {"elf_test_constant", "main"};
	struct elf_symbol symbols[2], section;
	struct elf *elf;
	char bytes[64];
	__u64 bias;
	int nr;

	if (elf_open(fd, &elf))
		return;
	nr = elf_find_symbols(elf, names, 2, symbols);
	assert_true(nr <= 2);
	if (nr >= 0 && symbols[0].value)
		elf_read(elf, symbols[0].value, bytes, sizeof(bytes));
	elf_find_section(elf, ".data", &section);
	elf_load_bias(elf, 0x7f0000000000, 0, &bias);
	elf_close(elf);
}

static void truncated(void **state)
{
	Elf64_Ehdr *header = (Elf64_Ehdr *)image;
	size_t size;

	/* Every length of the headers, then in steps up to the whole. */
	for (size = 0; size < image_size; size += size < 2048 ? 1 : image_size / 200 + 1) {
		int fd = file_of(image, size);

		try_everything(fd);
		close(fd);
	}
	size = header->e_phoff + header->e_phnum * sizeof(Elf64_Phdr);
	{
		/* The segments alone are enough to be loaded. */
		_cleanup_close_ int fd = file_of(image, size);
		struct elf_symbol section;
		struct elf *elf;

		assert_int_equal(elf_open(fd, &elf), 0);
		assert_int_equal(elf_find_section(elf, ".data", &section), -ENOENT);
		elf_close(elf);
	}
}

/* Every field of every header, with the numbers that hurt most. */
static void lying_headers(void **state)
{
	static const __u64 numbers[] = {
		0, 1, 0xffff, 0x7fffffff, 0xffffffff, 1ULL << 40, 0x7fffffffffffffff, ~0ULL};
	Elf64_Ehdr *header = (Elf64_Ehdr *)image;
	size_t sections = header->e_shoff, step = 4, at, i;
	_cleanup_close_ int fd = file_of(image, image_size);

	for (at = 16; at < image_size; at += step) {
		if (at >= sizeof(*header) + header->e_phnum * sizeof(Elf64_Phdr) && at < sections)
			at = sections;
		for (i = 0; i < ARRAY_SIZE(numbers); i++) {
			size_t size = image_size - at < 8 ? image_size - at : 8;

			assert_int_equal(pwrite(fd, &numbers[i], size, at), size);
			try_everything(fd);
			assert_int_equal(pwrite(fd, image + at, size, at), size);
		}
	}
}

/* Tables of a terabyte that is not there: the work and the memory stay small. */
static void sparse_giant(void **state)
{
	_cleanup_free_ char *copy = malloc(image_size);
	Elf64_Ehdr *header = (Elf64_Ehdr *)copy;
	_cleanup_close_ int fd = -1;
	Elf64_Shdr *section;
	int i;

	memcpy(copy, image, image_size);
	section = (Elf64_Shdr *)(copy + header->e_shoff);
	for (i = 1; i < header->e_shnum; i++) {
		section[i].sh_offset = image_size;
		section[i].sh_size = 1ULL << 40;
	}
	fd = file_of(copy, image_size);
	assert_int_equal(ftruncate(fd, (1ULL << 40) + image_size), 0);
	try_everything(fd);
	/* More sections than the header's own field can say. */
	header->e_shnum = 0;
	section[0].sh_size = 1ULL << 30;
	assert_int_equal(pwrite(fd, copy, image_size, 0), image_size);
	try_everything(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_symbols),  cmocka_unit_test(finds_exported_symbols),
		cmocka_unit_test(finds_sections), cmocka_unit_test(reads_bounded),
		cmocka_unit_test(load_bias),	  cmocka_unit_test(refuses),
		cmocka_unit_test(truncated),	  cmocka_unit_test(lying_headers),
		cmocka_unit_test(sparse_giant),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
