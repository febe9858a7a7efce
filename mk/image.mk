# Container images of both programs; any builder that reads a Dockerfile works. See Dockerfile.

TAG            ?= $(VERSION)
DOCKER         ?= docker
IMAGE_PREFIX   ?=
IMAGE_REVISION := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
IMAGE_ARGS      = --build-arg VERSION=$(VERSION) --build-arg REVISION=$(IMAGE_REVISION)

## image: build the container images collector:TAG and pinger:TAG (TAG=version IMAGE_PREFIX=registry/path/)
.PHONY: image
image:
	@command -v $(DOCKER) >/dev/null || { echo 'make image: $(DOCKER) is not installed' >&2; exit 1; }
	$(DOCKER) build $(IMAGE_ARGS) --target collector --tag $(IMAGE_PREFIX)collector:$(TAG) .
	$(DOCKER) build $(IMAGE_ARGS) --target pinger --tag $(IMAGE_PREFIX)pinger:$(TAG) .
