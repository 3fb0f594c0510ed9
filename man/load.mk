dist_man_MANS += man/tsagg-load.1
