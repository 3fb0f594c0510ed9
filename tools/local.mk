# Lists of this folder; see Makefile.am.
include tools/ctl.mk
include tools/query.mk
