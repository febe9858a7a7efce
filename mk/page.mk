# The programs' pages, /ui/: tools/embed turns the files of each program, and those that both share, into C.

$(OUT)/page/%_page.c: $$(wildcard cmd/$$*/ui/*) $(wildcard pkg/page/files/*) tools/embed
	@mkdir -p $(@D)
	$(if $(Q),@echo '  EMBED   cmd/$*/ui')
	$(Q)tools/embed $*_page cmd/$*/ui pkg/page/files >$@

$(OUT)/page/%_page.o: $(OUT)/page/%_page.c pkg/page/page.h $(OUT)/flags | have-libraries
	$(if $(Q),@echo '  CC      $<')
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(OUT)/bin/collector: $(OUT)/page/collector_page.o
$(OUT)/bin/pinger: $(OUT)/page/pinger_page.o

# Collector's description, /openapi.json, with the version of the program.
$(OUT)/page/collector_description/openapi.json: cmd/collector/openapi.json $(OUT)/flags
	@mkdir -p $(@D)
	$(Q)sed 's/@VERSION@/$(VERSION)/' $< >$@

$(OUT)/page/collector_description.c: $(OUT)/page/collector_description/openapi.json tools/embed
	$(if $(Q),@echo '  EMBED   cmd/collector/openapi.json')
	$(Q)tools/embed collector_description $(<D) >$@

$(OUT)/page/collector_description.o: $(OUT)/page/collector_description.c pkg/page/page.h $(OUT)/flags | have-libraries
	$(if $(Q),@echo '  CC      $<')
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(OUT)/bin/collector: $(OUT)/page/collector_description.o
