# Lists of this folder; see Makefile.am.
include tests/unit/conf.mk
include tests/unit/core.mk
