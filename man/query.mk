dist_man_MANS += man/tsagg-query.1
