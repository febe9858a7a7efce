# The lesson in docs/lesson. The commands on its pages are also tests.

.PHONY: lesson test-docs
## lesson: open a shell for docs/lesson, with two Redis servers and free ports; `exit` stops everything
lesson:
	@tools/deps build lesson
	@$(MAKE) --no-print-directory BUILD=release SAN= programs library
	@tools/lesson

## test-docs: run the commands of the lesson, the README and docs/clients.md, and compare their output
test-docs:
	@tools/deps build lesson
	@$(MAKE) --no-print-directory BUILD=release SAN= programs library
	@tests/run docs
