# Lists of this folder; see Makefile.am.
include man/conf.mk
include man/load.mk
include man/query.mk
