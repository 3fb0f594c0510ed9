# Lists of this folder; see Makefile.am.
AM_TESTS_ENVIRONMENT =
include tests/conformance/local.mk
include tests/faults/local.mk
include tests/flux/local.mk
include tests/fuzz/local.mk
include tests/style/local.mk
include tests/unit/conf.mk
include tests/unit/core.mk
include tests/unit/delivery.mk
include tests/unit/flux_lang.mk
include tests/unit/flux_table.mk
include tests/unit/ingest.mk
include tests/unit/parse.mk
include tests/unit/query.mk
include tests/unit/store.mk
include tests/unit/way.mk

EXTRA_DIST += tests/tsan.supp
if ENABLE_TSAN
AM_TESTS_ENVIRONMENT += TSAN_OPTIONS=suppressions=$(abs_top_srcdir)/tests/tsan.supp; export TSAN_OPTIONS;
endif
