libtsagg_a_SOURCES += \
	src/server/server.h src/server/server_priv.h \
	src/server/server.c src/server/server_answer.c src/server/server_api.c src/server/server_buckets.c src/server/server_cardinality.c \
	src/server/server_deflate.c src/server/server_delete.c src/server/server_gzip.c \
	src/server/server_listeners.c src/server/server_metrics.c src/server/server_orgs.c src/server/server_predicate.c \
	src/server/server_query.h src/server/server_queries.c src/server/server_query.c src/server/server_query_body.c src/server/server_readings.c \
	src/server/server_reload.c src/server/server_slow.c src/server/server_sources.c src/server/server_stages.c src/server/server_status.c \
	src/server/server_tls.c src/server/server_write.c
