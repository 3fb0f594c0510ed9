# Lists of this folder; see Makefile.am.
include tests/unit/parse.mk
include tests/fuzz/local.mk
include tests/conformance/local.mk
