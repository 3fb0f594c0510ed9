# An example configuration and systemd units; all are documentation until an administrator puts them in place.
exampledir = $(docdir)/examples
dist_example_DATA = etc/tsagg.yaml etc/tsaggd.socket
nodist_example_DATA = etc/tsaggd.service
EXTRA_DIST += etc/tsaggd.service.in
CLEANFILES += etc/tsaggd.service

etc/tsaggd.service: etc/tsaggd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc && $(SED) -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' \
		$(srcdir)/etc/tsaggd.service.in > $@
