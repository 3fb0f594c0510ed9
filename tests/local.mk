# Lists of this folder; see Makefile.am.
include tests/unit/delivery.mk
