# The programs' pages, /ui/: files that tools/embed turns into C, each program's own and those that both share.

$(OUT)/page/%_page.c: $$(wildcard cmd/$$*/ui/*) $(wildcard pkg/page/files/*) tools/embed
	@mkdir -p $(@D)
	$(if $(Q),@echo '  EMBED   cmd/$*/ui')
	$(Q)tools/embed $*_page cmd/$*/ui pkg/page/files >$@

$(OUT)/page/%_page.o: $(OUT)/page/%_page.c pkg/page/page.h $(OUT)/flags | have-libraries
	$(if $(Q),@echo '  CC      $<')
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(OUT)/bin/collector: $(OUT)/page/collector_page.o
$(OUT)/bin/pinger: $(OUT)/page/pinger_page.o
