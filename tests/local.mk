# Lists of this folder; see Makefile.am.
include tests/unit/conf.mk
include tests/unit/core.mk

EXTRA_DIST += tests/tsan.supp
if ENABLE_TSAN
AM_TESTS_ENVIRONMENT = TSAN_OPTIONS=suppressions=$(abs_top_srcdir)/tests/tsan.supp; export TSAN_OPTIONS;
endif
