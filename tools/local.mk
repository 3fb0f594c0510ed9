# Lists of this folder; see Makefile.am.
include tools/ctl.mk
include tools/load.mk
include tools/query.mk

EXTRA_DIST += tools/build.sh tools/deps.sh tools/lpview tools/procfeed tools/quickstart
