# The README's two commands are `make demo` and `make test`. Everything they
# need beyond Go, git, make and terraform is fetched by Go itself; only `make race` needs a C compiler.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
GO ?= go

.PHONY: build demo test check format vet cross lint vuln model shapes race conformance bench fuzz golden

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/cardea ./cmd/cardea

# In a terminal the demo stays open for the browser; elsewhere it plays its story and ends.
demo: build
	@if [ -t 0 ] && [ -t 1 ]; then exec ./bin/cardea demo; else exec ./bin/cardea demo --script; fi

test:
	@$(GO) test -timeout 30m ./workflow/terraform/terraformtest # builds the real OpenTofu, once
	$(GO) test -parallel 6 -timeout 25m ./...

check: format vet cross lint vuln model shapes race

format:
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (run gofmt -w):"; echo "$$unformatted"; exit 1; fi

vet:
	$(GO) vet ./...

# Built for every system that Cardea is for, and vetted with its tests.
cross:
	@set -e; for system in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64; do \
	  export GOOS=$${system%/*} GOARCH=$${system#*/} CGO_ENABLED=0; \
	  echo "go build and vet for $$system"; $(GO) build -o /dev/null ./cmd/cardea; $(GO) vet ./...; \
	done

lint:
	$(GO) tool staticcheck ./...

# The vulnerability database is not reachable everywhere; then this says so and goes on, but fails with RELEASE=1.
vuln:
	@./.ci/vuln

# 10,000 random lives of pulls that are approved and applied; `make test` plays some hundreds.
model:
	CARDEA_MODEL_SEQUENCES=10000 $(GO) test -count=1 -timeout 20m ./workflow/service -run '^TestRandomApplies$$'

# Made-up repositories of many shapes, each with 150 random changes or more, against a slow reference; `make test` makes ten.
shapes:
	CARDEA_SHAPES_CHANGES=150 $(GO) test -count=1 -timeout 30m ./workflow/survey -run '^TestShapes$$'

race: # needs a C compiler
	CGO_ENABLED=1 $(GO) test -race -parallel 4 -timeout 30m ./...

# Every GitHub request we make and every answer of our local GitHub against GitHub's own OpenAPI description.
conformance:
	@./.ci/conformance

bench:
	$(GO) test ./cmd/cardea -run "^$$" -bench . -benchtime 3x -timeout 60m

# A minute for each fuzz target; the committed seeds run with every `make test`.
fuzz:
	@./.ci/fuzz

# Rewrites the golden files; read the difference before committing it.
golden:
	$(GO) test ./templates/... ./app/page/... ./workflow/... -update
