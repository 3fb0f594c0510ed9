# Lists of this folder; see Makefile.am.
include tests/conformance/local.mk
include tests/fuzz/local.mk
include tests/unit/conf.mk
include tests/unit/delivery.mk
include tests/unit/parse.mk
include tests/unit/way.mk
include tests/unit/query.mk
