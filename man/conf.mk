# Pages whose tables come from src/tbl, and from the library of Flux.
conf_pages = man/tsagg.yaml.5 man/tsaggd.8 man/tsagg-ctl.1 man/tsagg-flux.7
nodist_man_MANS += $(conf_pages)
EXTRA_DIST += man/tsagg.yaml.5.in man/tsaggd.8.in man/tsagg-ctl.1.in man/tsagg-flux.7.in
CLEANFILES += $(conf_pages)

$(conf_pages): %: %.in tools/docgen$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) man && tools/docgen$(EXEEXT) < $< > $@.tmp && mv $@.tmp $@
