unit_tests += tests/unit/test_flux_lang tests/unit/test_flux_eval tests/unit/test_flux_rowfn
tests_unit_test_flux_lang_SOURCES = tests/unit/test_flux_lang.c
tests_unit_test_flux_lang_LDADD = $(unit_ldadd)
tests_unit_test_flux_eval_SOURCES = tests/unit/test_flux_eval.c tests/unit/flux_eval.h
tests_unit_test_flux_eval_LDADD = $(unit_ldadd)
tests_unit_test_flux_rowfn_SOURCES = tests/unit/test_flux_rowfn.c tests/unit/flux_eval.h
tests_unit_test_flux_rowfn_LDADD = $(unit_ldadd)
