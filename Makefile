# SPDX-License-Identifier: BSD-2-Clause
# The only build file.  `make help` lists the targets.

OUTPUT ?= .output
PREFIX ?= /usr/local
CC     ?= gcc
CLANG  ?= clang
LLVM_STRIP ?= llvm-strip
PROTOC_C ?= protoc-c
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config

# What is built, for which machine.
UNAME_M := $(shell uname -m)
ARCH ?= $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(UNAME_M)))
VMLINUX_H ?= vmlinux/$(ARCH)/vmlinux.h

ifeq ($(V),1)
Q =
msg =
else
Q = @
msg = @printf '  %-8s %s\n' '$(1)' '$(patsubst $(OUTPUT)/%,%,$(2))';
MAKEFLAGS += --no-print-directory
endif

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 -Wpointer-arith \
	-Wtype-limits -Wundef -Wvla -Wwrite-strings
ifeq ($(WERROR),1)
WARN += -Werror
endif

# The same commit gives the same bytes, whatever the folders are called that it is built from and in.
# Of several that fit the last counts.
ANYWHERE := $(foreach d,$(CURDIR)=. $(abspath $(OUTPUT))=.output $(OUTPUT)=.output,-ffile-prefix-map=$d)

LIBS := libbpf libdw libelf capstone zlib libevent json-c ncursesw libprotobuf-c libseccomp libcap
LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBS) 2>/dev/null)
ifeq ($(STATIC),1)
LIB_LIBS := $(shell $(PKG_CONFIG) --static --libs $(LIBS) 2>/dev/null) -lbz2 -llzma -lzstd
LDFLAGS += -static
else
LIB_LIBS := $(shell $(PKG_CONFIG) --libs $(LIBS) 2>/dev/null)
endif
LIB_LIBS += -pthread

OPT := $(if $(filter 1,$(DEBUG)),-O0,-O2)
CFLAGS ?= $(OPT) -g
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(CFLAGS) $(ANYWHERE) $(WARN) -Iuser -Ibpf -I$(GEN) $(LIB_CFLAGS) \
	-fno-strict-aliasing -MMD -MP
GEN_CFLAGS = -std=gnu11 $(CFLAGS) $(ANYWHERE) -I$(GEN) $(LIB_CFLAGS) -MMD -MP
SAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
ifeq ($(SAN),1)
CFLAGS += $(SAN_FLAGS)
LDFLAGS += $(SAN_FLAGS)
endif

GEN := $(OUTPUT)/gen
OBJ := $(OUTPUT)/obj
BIN := $(OUTPUT)/gotide
# The length is given, since git would choose it by how much of the history there is.
VERSION := $(shell git describe --always --dirty --tags --abbrev=12 2>/dev/null || echo unknown)

# See the file: Debian's static elfutils lacks what it defines.
STATIC_ONLY := user/base/eu_search.c
SRCS := $(filter-out $(if $(filter 1,$(STATIC)),,$(STATIC_ONLY)),$(wildcard user/*.c user/*/*.c))
# Made from user/view/profile.proto; its code is not ours to warn about.
PROTO := $(GEN)/profile.pb-c
OBJS := $(SRCS:user/%.c=$(OBJ)/%.o) $(OBJ)/gen/profile.pb-c.o
LIB_OBJS := $(filter-out $(OBJ)/main.o,$(OBJS))

BPF_SRCS := $(wildcard bpf/*.bpf.c)
BPF_OBJS := $(BPF_SRCS:bpf/%.bpf.c=$(OBJ)/bpf/%.bpf.o)
BPF_HDRS := $(wildcard bpf/*.h) $(VMLINUX_H)
SKEL := $(if $(BPF_SRCS),$(GEN)/gotide.skel.h)

GENERATED := $(SKEL) $(GEN)/version.h $(PROTO).h $(GEN)/flame_script.h $(GEN)/status_parts.h

TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
MANS := $(patsubst docs/%.scd,$(OUTPUT)/man/%,$(wildcard docs/*.scd))

.PHONY: all
all: $(if $(wildcard user/main.c),$(BIN),$(OBJS)) ## build gotide (V=1 DEBUG=1 SAN=1 STATIC=1 OUTPUT=DIR)

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# ---- user space ----

$(BIN): $(OBJS)
	$(call msg,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) -lm

$(OBJ)/%.o: user/%.c | $(GENERATED)
	$(call msg,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(OBJ)/gen/%.o: $(GEN)/%.c
	$(call msg,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GEN_CFLAGS) -c -o $@ $<

$(PROTO).h: $(PROTO).c ;
$(PROTO).c: user/view/profile.proto
	$(call msg,PROTOC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(PROTOC_C) --c_out=$(@D) -Iuser/view $<

# Scripts and styles as C strings.
$(GEN)/flame_script.h: user/view/flame.js scripts/embed.sh
	$(Q)mkdir -p $(@D)
	$(Q)scripts/embed.sh flame_script user/view/flame.js > $@
$(GEN)/status_parts.h: user/view/status.css user/view/status.js scripts/embed.sh
	$(Q)mkdir -p $(@D)
	$(Q)(scripts/embed.sh status_style user/view/status.css && \
		scripts/embed.sh status_script user/view/status.js) > $@

# Rewritten only when it changes, so that a new commit does not rebuild everything.
$(GEN)/version.h: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)echo '#define GOTIDE_VERSION "$(VERSION)"' > $@.tmp
	$(Q)cmp -s $@.tmp $@ && rm $@.tmp || mv $@.tmp $@
.PHONY: FORCE
FORCE:

# ---- programs for the kernel ----

BPF_CFLAGS := -g -O2 $(ANYWHERE) -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers \
	--target=bpf -mcpu=v2 -D__TARGET_ARCH_$(ARCH) -Ibpf -I$(dir $(VMLINUX_H)) \
	$(shell $(PKG_CONFIG) --cflags libbpf 2>/dev/null)

$(OBJ)/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_HDRS)
	$(call msg,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<
	$(Q)$(LLVM_STRIP) -g $@

$(OBJ)/bpf/gotide.o: $(BPF_OBJS)
	$(call msg,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(GEN)/gotide.skel.h: $(OBJ)/bpf/gotide.o
	$(call msg,SKEL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name gotide_bpf > $@

# ---- tests ----

.PHONY: test
test: ## everything: lint, unit, fuzz and vm (short), live; ends with the count
	$(Q)tests/run.sh all

.PHONY: test-unit
test-unit: ## unit tests under ASan and UBSan, no root needed
	$(Q)tests/run.sh unit

.PHONY: test-live
test-live: ## real Go programs under real probes (root)
	$(Q)tests/run.sh live

.PHONY: test-vm
test-vm: ## the same on Debian's kernels in QEMU; GOTIDE_KERNELS names some (root)
	$(Q)tests/run.sh vm

.PHONY: test-deploy
test-deploy: ## image, packages, manifests, alerts; with podman and Prometheus (root)
	$(Q)tests/run.sh deploy

.PHONY: lint
lint: ## layers, format, banned calls, shell, spelling
	$(Q)tests/run.sh lint

.PHONY: fuzz
fuzz: ## libFuzzer targets, FUZZ_S seconds each (default 60)
	$(Q)tests/run.sh fuzz

# Unit tests link a sanitised build of every room.
SAN_OBJ := $(OUTPUT)/san
SAN_LIB_OBJS := $(LIB_OBJS:$(OBJ)/%=$(SAN_OBJ)/%)

$(SAN_OBJ)/%.o: user/%.c | $(GENERATED)
	$(call msg,CC-SAN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -O1 $(SAN_FLAGS) -c -o $@ $<

$(SAN_OBJ)/gen/%.o: $(GEN)/%.c
	$(call msg,CC-SAN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GEN_CFLAGS) -O1 $(SAN_FLAGS) -c -o $@ $<

$(SAN_OBJ)/libgotide.a: $(SAN_LIB_OBJS)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(OUTPUT)/unit/%: tests/unit/%.c $(SAN_OBJ)/libgotide.a
	$(call msg,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -O1 $(SAN_FLAGS) -Werror=unused-function -Itests -MF $@.d -o $@ $< \
		$(SAN_OBJ)/libgotide.a $(LIB_LIBS) -lcmocka -lm

.PHONY: unit-binaries
unit-binaries: $(TESTS:%=$(OUTPUT)/unit/%)

# Fuzz targets are built by clang with everything they need instrumented.
FUZZ_OBJ := $(OUTPUT)/fuzzobj
FUZZ_FLAGS := -fsanitize=fuzzer-no-link,address,undefined
$(FUZZ_OBJ)/%.o: user/%.c | $(GENERATED)
	$(call msg,CC-FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(ALL_CFLAGS) -O1 $(FUZZ_FLAGS) -c -o $@ $<

$(FUZZ_OBJ)/gen/%.o: $(GEN)/%.c
	$(call msg,CC-FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(GEN_CFLAGS) -O1 $(FUZZ_FLAGS) -c -o $@ $<

$(FUZZ_OBJ)/libgotide.a: $(LIB_OBJS:$(OBJ)/%=$(FUZZ_OBJ)/%)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(OUTPUT)/fuzz/%: tests/fuzz/%.c $(FUZZ_OBJ)/libgotide.a
	$(call msg,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(ALL_CFLAGS) -O1 -fsanitize=fuzzer,address,undefined -MF $@.d -o $@ $< \
		$(FUZZ_OBJ)/libgotide.a $(LIB_LIBS) -lm

.PHONY: fuzz-binaries
fuzz-binaries: $(FUZZERS:%=$(OUTPUT)/fuzz/%)

# Tools of the live tests.
$(OBJ)/libgotide.a: $(LIB_OBJS)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# An archive comes before the libraries, which therefore do not find what only they need of it.
STATIC_OBJS := $(if $(filter 1,$(STATIC)),$(STATIC_ONLY:user/%.c=$(OBJ)/%.o))

$(OUTPUT)/live/%: tests/live/tools/%.c $(OBJ)/libgotide.a
	$(call msg,TOOL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -MF $@.d -o $@ $< $(STATIC_OBJS) $(OBJ)/libgotide.a \
		$(LIB_LIBS) -lm

$(OUTPUT)/vm/%: tests/vm/%.c
	$(call msg,TOOL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -MF $@.d -o $@ $<

$(OUTPUT)/corpus/%: tests/corpus/%.c $(OBJ)/libgotide.a
	$(call msg,TOOL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -MF $@.d -o $@ $< $(OBJ)/libgotide.a \
		$(LIB_LIBS) -lm

$(OUTPUT)/bench/%: tests/bench/%.c $(OBJ)/libgotide.a
	$(call msg,TOOL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -MF $@.d -o $@ $< $(OBJ)/libgotide.a \
		$(LIB_LIBS) -lm

# ---- the rest ----

.PHONY: demo
demo: ## set up, build, and watch a leaking and a healthy Go program (root)
	$(Q)scripts/setup.sh
	$(Q)$(MAKE) all
	$(Q)scripts/demo.sh

.PHONY: score
score: $(OUTPUT)/corpus/judge ## how good the verdicts are, on the tapes kept in tests/corpus
	$(Q)tests/corpus/score.py tests/corpus/tapes

.PHONY: corpus
corpus: all ## programs with a known truth, live, and what gotide says of them (root)
	$(Q)tests/corpus/run.py $(CORPUS_ARGS)

.PHONY: bench
bench: ## cost of probes, ratios within one run (root)
	$(Q)tests/bench/run.sh

.PHONY: man
man: $(MANS) ## man pages (scdoc)
$(OUTPUT)/man/%: docs/%.scd
	$(call msg,MAN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)scdoc < $< > $@

.PHONY: install
install: all man ## install to DESTDIR/PREFIX
	install -D -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/gotide
	for m in $(MANS); do \
		install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done

.PHONY: image
image: ## container image of the static binary (buildah); prints its digest
	$(Q)deploy/build-image.sh

.PHONY: deb
deb: ## Debian package of the static binary, in OUTPUT/deb
	$(Q)deploy/build-deb.sh

.PHONY: clean
clean: ## remove everything built
	rm -rf $(OUTPUT)

.DELETE_ON_ERROR:
.SECONDARY:

-include $(OBJS:.o=.d) $(SAN_LIB_OBJS:.o=.d) $(wildcard $(OUTPUT)/unit/*.d $(OUTPUT)/fuzz/*.d \
	$(FUZZ_OBJ)/*/*.d)
