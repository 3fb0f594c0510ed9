# Lists of this folder; see Makefile.am.
include tests/unit/conf.mk
include tests/unit/delivery.mk
include tests/unit/way.mk
