# Configuration, and the ledger that the counters must balance in.
libtsagg_a_SOURCES += \
	src/tbl/options.def src/tbl/transports.def \
	src/core/conf.h src/core/conf_priv.h \
	src/core/conf.c src/core/conf_check.c src/core/conf_address.c src/core/conf_aggregates.c src/core/conf_bucket.c src/core/conf_near.c src/core/conf_option.c \
	src/core/conf_match.c src/core/conf_pipeline.c src/core/conf_print.c src/core/conf_reload.c src/core/conf_rollups.c \
	src/core/conf_set.c src/core/conf_yaml.c \
	src/core/conf_doc.c src/core/conf_doc.h \
	src/core/ledger.c src/core/ledger.h
