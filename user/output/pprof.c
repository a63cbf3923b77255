// SPDX-License-Identifier: BSD-2-Clause
/*
 * Google's profile.proto, gzipped. The file is written as it is made: encodings of one message may
 * be concatenated, and repeated fields then append, so each sample, location and function is
 * packed as a Profile that holds nothing else. Memory is that of the strings, not of the file.
 *
 * Other readers than go tool pprof insist on ids 1..N, on valid UTF-8 and on string 0 being "".
 * system_name stays empty: pprof takes a name that equals it for a mangled one, and shows
 * "<module>" as "<unknown>". The mapping is no ELF file, or pprof would look for symbols in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <zlib.h>
#include "base/cleanup.h"
#include "base/text.h"
#include "output/output.h"
#include "output/stream.h"
#include "profile.pb-c.h"

#define GZIP_LEVEL  6
#define GZIP_WINDOW (15 + 16) /* zlib's way to ask for a gzip header */
#define MAPPING	    1
#define MAX_LABELS  8

typedef Perftools__Profiles__Profile Profile;
typedef Perftools__Profiles__ValueType ValueType;
typedef Perftools__Profiles__Sample Sample;
typedef Perftools__Profiles__Label Label;
typedef Perftools__Profiles__Mapping Mapping;
typedef Perftools__Profiles__Location Location;
typedef Perftools__Profiles__Line Line;
typedef Perftools__Profiles__Function Function;

struct entry {
	char *text;
	__s64 index;
	UT_hash_handle hh;
};

struct writer {
	int fd;
	int err; /* the first one; nothing is written after it */
	z_stream z;
	__u8 *packed;
	size_t packed_size;
	struct entry *entries;
	__s64 nr_strings;
	uint64_t *ids;
	size_t max_ids;
};

static void deflate_all(struct writer *w, const void *data, size_t size, int flush)
{
	__u8 out[16384];
	int z = Z_OK;

	w->z.next_in = (void *)data;
	w->z.avail_in = size;
	do {
		w->z.next_out = out;
		w->z.avail_out = sizeof(out);
		z = deflate(&w->z, flush);
		if (!w->err)
			w->err = stream_write(w->fd, out, sizeof(out) - w->z.avail_out);
	} while (!w->err && (flush == Z_FINISH ? z == Z_OK : w->z.avail_in || !w->z.avail_out));
}

static void emit(struct writer *w, const Profile *message)
{
	size_t size = perftools__profiles__profile__get_packed_size(message);

	if (w->err)
		return;
	if (size > w->packed_size) {
		__u8 *bigger = realloc(w->packed, size * 2);

		if (!bigger) {
			w->err = -ENOMEM;
			return;
		}
		w->packed = bigger;
		w->packed_size = size * 2;
	}
	perftools__profiles__profile__pack(message, w->packed);
	deflate_all(w, w->packed, size, Z_NO_FLUSH);
}

/* A string of the table is written the moment it gets its number, so that the order is right. */
static __s64 add_string(struct writer *w, char *text)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	Profile message = PERFTOOLS__PROFILES__PROFILE__INIT;

	if (!entry) {
		free(text);
		w->err = -ENOMEM;
		return 0;
	}
	entry->text = text;
	entry->index = w->nr_strings++;
	HASH_ADD_KEYPTR(hh, w->entries, entry->text, strlen(entry->text), entry);
	message.n_string_table = 1;
	message.string_table = &text;
	emit(w, &message);
	return entry->index;
}

/*
 * A string's number. pprof prints names to terminals as they are, and some of them were chosen by
 * a target: what could act on a terminal stays out of the file.
 */
static __s64 string(struct writer *w, const char *s)
{
	_cleanup_free_ char *text = text_utf8(s, strlen(s));
	struct entry *entry;

	if (!text) {
		w->err = -ENOMEM;
		return 0;
	}
	text_clean(text);
	HASH_FIND(hh, w->entries, text, strlen(text), entry);
	return entry ? entry->index : add_string(w, take(text));
}

static void write_sample_types(struct writer *w)
{
	static const char *const names[][2] = {
#define X(NAME, name, unit) {name, unit},
		PROFILE_VALUES(X)
#undef X
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		Profile message = PERFTOOLS__PROFILES__PROFILE__INIT;
		ValueType type = PERFTOOLS__PROFILES__VALUE_TYPE__INIT, *types = &type;

		type.type = string(w, names[i][0]);
		type.unit = string(w, names[i][1]);
		message.n_sample_type = 1;
		message.sample_type = &types;
		emit(w, &message);
	}
}

static void write_header(struct writer *w, const struct profile_header *header)
{
	Profile message = PERFTOOLS__PROFILES__PROFILE__INIT;
	ValueType period = PERFTOOLS__PROFILES__VALUE_TYPE__INIT;
	_cleanup_free_ char *json = header->json ? text_format("# %s", header->json) : NULL;
	int64_t comments[2];

	if (header->json && !json)
		w->err = -ENOMEM;
	message.comment = comments;
	if (*header->comment)
		comments[message.n_comment++] = string(w, header->comment);
	if (json)
		comments[message.n_comment++] = string(w, json);
	period.type = string(w, "cpu");
	period.unit = string(w, "nanoseconds");
	message.period_type = &period;
	message.period = (int64_t)header->period_ns;
	message.time_nanos = (int64_t)header->start_ns;
	message.duration_nanos = (int64_t)header->duration_ns;
	message.default_sample_type = string(w, "cpu");
	message.doc_url = header->doc_url ? string(w, header->doc_url) : 0;
	emit(w, &message);
}

static void write_mapping(struct writer *w, const char *title)
{
	Profile message = PERFTOOLS__PROFILES__PROFILE__INIT;
	Mapping mapping = PERFTOOLS__PROFILES__MAPPING__INIT, *mappings = &mapping;

	mapping.id = MAPPING;
	mapping.filename = string(w, title);
	mapping.has_functions = mapping.has_filenames = mapping.has_line_numbers = true;
	message.n_mapping = 1;
	message.mapping = &mappings;
	emit(w, &message);
}

static void write_function(struct writer *w, const struct profile *profile, __u32 i)
{
	const struct profile_function *from = profile_function(profile, i);
	Profile message = PERFTOOLS__PROFILES__PROFILE__INIT;
	Function function = PERFTOOLS__PROFILES__FUNCTION__INIT, *functions = &function;

	function.id = i + 1;
	function.name = string(w, from->name);
	function.filename = string(w, from->file_name);
	function.start_line = from->first_line;
	message.n_function = 1;
	message.function = &functions;
	emit(w, &message);
}

static void write_location(struct writer *w, const struct profile *profile, __u32 i)
{
	struct profile_location from = profile_location(profile, i);
	Profile message = PERFTOOLS__PROFILES__PROFILE__INIT;
	Location location = PERFTOOLS__PROFILES__LOCATION__INIT, *locations = &location;
	Line line = PERFTOOLS__PROFILES__LINE__INIT, *lines = &line;

	line.function_id = from.function + 1;
	line.line = from.line;
	location.id = i + 1;
	location.mapping_id = MAPPING;
	location.n_line = 1;
	location.line = &lines;
	message.n_location = 1;
	message.location = &locations;
	emit(w, &message);
}

struct labels {
	size_t nr;
	Label label[MAX_LABELS];
	Label *pointers[MAX_LABELS];
};

static Label *add_label(struct writer *w, struct labels *labels, const char *key)
{
	Label *label = &labels->label[labels->nr];

	perftools__profiles__label__init(label);
	label->key = string(w, key);
	labels->pointers[labels->nr++] = label;
	return label;
}

/* The unit keeps pprof from dropping a number that is 0, and from printing it in bytes. */
static void label_number(struct writer *w, struct labels *labels, const char *key, __s64 number)
{
	Label *label = add_label(w, labels, key);

	label->num = number;
	label->num_unit = string(w, "id");
}

/* An empty string cannot be told from none in this format: no label then. */
static void label_string(struct writer *w, struct labels *labels, const char *key, const char *s)
{
	if (*s)
		add_label(w, labels, key)->str = string(w, s);
}

static void make_labels(struct writer *w, struct labels *labels, const struct profile *profile,
			const struct profile_sample *sample)
{
	const struct profile_process *process = profile_process(profile, sample->process);

	labels->nr = 0;
	label_number(w, labels, "pid", process->pid);
	label_number(w, labels, "tid", sample->tid);
	label_string(w, labels, "comm", process->comm);
	label_string(w, labels, "thread_name", sample->thread_name);
	label_string(w, labels, "process", process->name);
	label_string(w, labels, "python_version", process->python_version);
	label_string(w, labels, "container_id", process->container_id);
}

/* Ids of a sample's locations, which are their numbers plus one. */
static uint64_t *make_ids(struct writer *w, const struct profile_sample *sample)
{
	if (sample->nr_locations > w->max_ids) {
		uint64_t *ids = reallocarray(w->ids, sample->nr_locations, sizeof(*ids));

		if (!ids) {
			w->err = -ENOMEM;
			return NULL;
		}
		w->ids = ids;
		w->max_ids = sample->nr_locations;
	}
	for (size_t i = 0; i < sample->nr_locations; i++)
		w->ids[i] = sample->locations[i] + 1;
	return w->ids;
}

static void write_sample(struct writer *w, const struct profile *profile, size_t i)
{
	struct profile_sample from = profile_sample(profile, i);
	Profile message = PERFTOOLS__PROFILES__PROFILE__INIT;
	Sample sample = PERFTOOLS__PROFILES__SAMPLE__INIT, *samples = &sample;
	int64_t values[NR_PROFILE_VALUES];
	struct labels labels;

	make_labels(w, &labels, profile, &from);
	for (size_t j = 0; j < NR_PROFILE_VALUES; j++)
		values[j] = from.values[j];
	sample.location_id = make_ids(w, &from);
	sample.n_location_id = sample.location_id ? from.nr_locations : 0;
	sample.n_value = NR_PROFILE_VALUES;
	sample.value = values;
	sample.n_label = labels.nr;
	sample.label = labels.pointers;
	message.n_sample = 1;
	message.sample = &samples;
	emit(w, &message);
}

static void write_all(struct writer *w, const struct profile *profile)
{
	const struct profile_header *header = profile_get_header(profile);

	string(w, ""); /* number 0, by definition of the format */
	write_sample_types(w);
	write_header(w, header);
	write_mapping(w, header->title);
	for (size_t i = 0; i < profile_nr_functions(profile) && !w->err; i++)
		write_function(w, profile, i);
	for (size_t i = 0; i < profile_nr_locations(profile) && !w->err; i++)
		write_location(w, profile, i);
	for (size_t i = 0; i < profile_nr_samples(profile) && !w->err; i++)
		write_sample(w, profile, i);
	if (!w->err)
		deflate_all(w, "", 0, Z_FINISH);
}

static void writer_done(struct writer *w)
{
	struct entry *entry, *next;

	HASH_ITER(hh, w->entries, entry, next) {
		HASH_DEL(w->entries, entry);
		free(entry->text);
		free(entry);
	}
	deflateEnd(&w->z);
	free(w->packed);
	free(w->ids);
}

int output_write_pprof(const struct profile *profile, int fd)
{
	struct writer w = {.fd = fd};

	if (deflateInit2(&w.z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	write_all(&w, profile);
	writer_done(&w);
	return w.err;
}
