# The lesson of docs/lesson, and the commands of its pages as tests.

.PHONY: lesson test-docs
## lesson: a shell with the scene of docs/lesson: two Redis servers, free ports; `exit` ends all of it
lesson:
	@tools/deps build lesson
	@$(MAKE) --no-print-directory BUILD=release SAN= programs library
	@tools/lesson

## test-docs: run the commands of the lesson and of the README, and compare what they print
test-docs:
	@tools/deps build lesson
	@$(MAKE) --no-print-directory BUILD=release SAN= programs library
	@tests/run docs
