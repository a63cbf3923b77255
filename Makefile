# SPDX-License-Identifier: BSD-2-Clause
# One Makefile, not recursive. Everything that is generated lives in .build/. Plain `make` builds
# and touches nothing else; installing packages is .ci/deps' work.
#
#   make          build ./pybpfprof                 make run    set up, build, profile, show
#   make check    layering, sizes, names            make test   set up, build, test everything
#   make unit     unit tests alone (no root)        make live   live tests alone (root)
#   make bench    figures, printed                  make install DESTDIR= PREFIX=
#
# V=1 shows commands, SAN=1 builds with sanitizers, DEV=1 makes warnings errors,
# ARCH=arm64 SYSROOT=folder builds for arm64 against headers and libraries unpacked there
# (`.ci/deps sysroot arm64 folder` fills it), into .build/arm64.

VERSION  := 0.1.0
PREFIX   ?= /usr/local
ARCH     ?= $(shell uname -m | sed -e s/aarch64/arm64/ -e s/x86_64/x86/)
HOSTARCH := $(shell uname -m | sed -e s/aarch64/arm64/ -e s/x86_64/x86/)
CLANG    ?= clang
# On Ubuntu /usr/sbin/bpftool is a script that wants the package of the very kernel that runs.
BPFTOOL  ?= $(firstword $(wildcard /usr/lib/linux-tools/*/bpftool /usr/local/sbin/bpftool \
      /usr/sbin/bpftool) bpftool)
PROTOC_C ?= protoc-c
Q        := $(if $(V),,@)
say       = $(if $(V),,@printf '  %-8s%s\n' '$(1)' '$(2)')

CROSS := $(filter-out $(HOSTARCH),$(ARCH))
ifneq ($(CROSS),)
CC := $(CLANG) --target=$(if $(filter arm64,$(ARCH)),aarch64,$(ARCH))-linux-gnu \
      $(if $(SYSROOT),--sysroot=$(SYSROOT))
LINK  := -fuse-ld=lld
endif
B   := .build$(CROSS:%=/%)$(if $(SAN),/san)
OUT := $(if $(filter .build,$(B)),pybpfprof,$(B)/pybpfprof)

CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers $(if $(DEV),-Werror)
CLANG_WARN := $(WARN) -Wno-gnu-variable-sized-type-not-at-end
# No recovery: a finding of the undefined behaviour sanitizer fails the test that met it.
SAN_FLAGS := -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined \
      -fno-omit-frame-pointer
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(if $(findstring clang,$(CC)),$(CLANG_WARN),$(WARN)) \
      $(if $(SAN),$(SAN_FLAGS)) \
      -D_GNU_SOURCE -DPYBPFPROF_VERSION='"$(VERSION)"' \
      -Iinclude -Iuser -Ibpf -I$(B)/gen $(CPPFLAGS)
LIBS    := -lbpf -lelf -lz -lprotobuf-c -lxxhash

BPF_CFLAGS := -O2 -g -target bpf -D__TARGET_ARCH_$(ARCH) $(CLANG_WARN) -mcpu=v3 \
      -Iinclude -Ibpf -Ivmlinux -idirafter /usr/include/$(shell uname -m)-linux-gnu

# The owner of the maps comes first: libbpf's linker (1.1 to 1.5) forgets where a map stands whose
# extern declaration it met before the map itself.
BPF_SRC  := bpf/sample.bpf.c $(filter-out bpf/sample.bpf.c,$(wildcard bpf/*.bpf.c))
USER_SRC := $(wildcard user/*.c user/*/*.c)
BPF_OBJ  := $(BPF_SRC:%.bpf.c=$(B)/%.bpf.o)
USER_OBJ := $(USER_SRC:%.c=$(B)/%.o)
SKEL     := $(B)/gen/pybpfprof.skel.h
PROTO    := $(B)/gen/profile.pb-c.h
# What needs no libbpf: the unit tests link with it.
PURE     := base/% target/% python/% profile/% output/%
PURE_OBJ := $(filter $(PURE:%=$(B)/user/%),$(USER_OBJ)) $(B)/gen/profile.pb-c.o
UNIT_SRC := $(wildcard tests/unit/*.c)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(B)/tests/%)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all check unit live test run bench install uninstall clean

all: $(OUT)

# Name what is missing, all at once and before anything is built, and where it comes from.
ifneq ($(filter all,$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell CC='$(CC)' CLANG='$(CLANG)' BPFTOOL='$(BPFTOOL)' PROTOC_C='$(PROTOC_C)' \
      .ci/deps --check build $(CROSS) || echo missing),)
$(error cannot build, see above)
endif
endif

$(OUT): $(USER_OBJ) $(B)/gen/profile.pb-c.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LINK) $(LIBS)

$(B)/%.bpf.o: %.bpf.c
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/pybpfprof.bpf.o: $(BPF_OBJ)
	$(call say,GEN,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(SKEL): $(B)/pybpfprof.bpf.o
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name pybpfprof_bpf > $@

$(B)/gen/profile.pb-c.c $(PROTO) &: proto/profile.proto
	$(call say,PROTO,$<)
	$(Q)mkdir -p $(B)/gen
	$(Q)$(PROTOC_C) --proto_path=proto --c_out=$(B)/gen $<

$(B)/gen/%.o: $(B)/gen/%.c
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -w -c -o $@ $<

$(B)/user/%.o: user/%.c | $(PROTO) $(SKEL)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The pure rooms are built without the skeleton, so that unit tests need no BPF compiler.
$(filter $(B)/user/%,$(PURE_OBJ)): $(B)/user/%.o: user/%.c | $(PROTO)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/tests/%: tests/unit/%.c $(PURE_OBJ)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -o $@ $< $(PURE_OBJ) $(LDFLAGS) $(LINK) $(LIBS) -lcmocka

-include $(shell find $(B) -name '*.d' 2>/dev/null)

check:
	$(Q)tests/check/run

unit: $(UNIT_BIN)
	$(Q)prove --exec tests/tap $(UNIT_BIN)

live: $(OUT)
	$(Q)prove --timer --exec tests/tap $(sort $(wildcard tests/live/*.t))

test run bench:
	$(Q)tests/$@.sh

# What is installed, as file:folder; the man page and completions join when they are there.
INSTALL := $(OUT):bin
INSTALL += $(patsubst %,%:share/man/man8,$(wildcard user/share/*.8))
INSTALL += $(patsubst %,%:share/bash-completion/completions,$(wildcard user/share/bash/*))
INSTALL += $(patsubst %,%:share/zsh/site-functions,$(wildcard user/share/zsh/*))
INSTALL += $(patsubst %,%:share/fish/vendor_completions.d,$(wildcard user/share/fish/*))
from     = $(firstword $(subst :, ,$1))
to       = $(DESTDIR)$(PREFIX)/$(lastword $(subst :, ,$1))/$(notdir $(from))

install: $(OUT)
	$(Q)$(foreach f,$(INSTALL),install -D -m $(if $(filter %:bin,$f),755,644) $(call from,$f) \
	      '$(call to,$f)' &&) :

uninstall:
	$(Q)rm -f $(foreach f,$(INSTALL),'$(call to,$f)')

clean:
	$(Q)rm -rf .build pybpfprof
