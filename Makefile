# PassportCraft. Needs Go 1.26 or later and Node 20 or later; everything else is fetched by their package managers.
SHELL := /bin/bash
GO ?= go
GOFLAGS_BUILD := -tags lambda.norpc -trimpath -buildvcs=false -ldflags "-s -w"
GOBUILD := CGO_ENABLED=0 GOOS=linux GOARCH=$(or $(LAMBDA_ARCH),arm64) $(GO) build $(GOFLAGS_BUILD)
ENGINES := .local/bin/engines
TEMPLATE_HASH := { sha256sum template.yaml 2>/dev/null || shasum -a 256 template.yaml; } | cut -c1-64
DYNOXIDE := infra/local/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help run test check lint build functions bench events engines clean simulate mutants

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  \1\t/' | expand -t 12

run: engines ## start everything on http://127.0.0.1:8080 (PORT, LAMBDA=binaries, LOCAL_CLOCK=manual)
	@$(GO) build -o .local/bin/passportcraft ./infra/local && exec .local/bin/passportcraft

test: engines ## run every test (installs what it needs)
	@$(GO) test -timeout 9m ./... && cd infra/local/engines && $(GO) test -timeout 5m ./...

check: lint ## what must hold before a commit: formatting, vet, the checks over template, routes, imports and budgets
	@$(GO) test -count=1 ./infra/checks/...

lint: ## gofmt and go vet
	@out=$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || echo .)); if [ -n "$$out" ]; then echo "not gofmt:"; echo "$$out"; exit 1; fi
	@$(GO) vet ./... && cd infra/local/engines && $(GO) vet ./...

build: ## build all Lambda functions for arm64 into dist/
	@mkdir -p dist && $(GOBUILD) -o dist/ ./functions/...

functions: ## build all Lambda functions for this machine into .local/functions/ (used by LAMBDA=binaries)
	@mkdir -p .local/functions && CGO_ENABLED=0 $(GO) build $(GOFLAGS_BUILD) -o .local/functions/ ./functions/... && $(TEMPLATE_HASH) > .local/functions/template.sha256

bench: engines functions ## measure and record into infra/bench/
	@$(GO) run ./infra/bench/record

simulate: ## look for a way to break the promise of deletion (TENANTS=20000 YEARS=5, SEED=… replays one world); writes infra/bench/simulation.md
	@$(GO) run ./infra/bench/simulate -tenants=$(or $(TENANTS),20000) -years=$(or $(YEARS),5) $(if $(SEED),-seed=$(SEED))

mutants: ## break the code that keeps the promise in many ways and see that somebody notices; writes infra/mutants/results.md
	@$(GO) run ./infra/mutants

events: engines ## write the golden answers of events/ again
	@$(GO) test ./infra/checks/binaries -update

engines: $(ENGINES) $(DYNOXIDE) ## build and fetch the local engines

$(ENGINES): $(wildcard infra/local/engines/*.go infra/local/engines/kms/*.go) infra/local/engines/go.mod
	@command -v $(GO) >/dev/null || { echo "Go 1.26 or later is needed: https://go.dev/dl"; exit 1; }
	@echo "building the local engines (about a minute the first time)"
	@mkdir -p .local/bin && cd infra/local/engines && $(GO) build -o ../../../$(ENGINES) .

$(DYNOXIDE): infra/local/package.json infra/local/package-lock.json
	@if [ -n "$$DYNAMODB_ENDPOINT" ]; then exit 0; fi; \
	command -v npm >/dev/null || { echo "Node 20 or later is needed to fetch the DynamoDB engine: https://nodejs.org (or set DYNAMODB_ENDPOINT to an engine of your own)"; exit 1; }; \
	echo "fetching the DynamoDB engine"; \
	npm ci --prefix infra/local --ignore-scripts --no-audit --no-fund --loglevel=error

clean: ## remove everything that was built or stored locally
	@rm -rf .local dist .aws-sam infra/local/node_modules

# sam build calls build-<LogicalId>: CreatePassportFunction is functions/create-passport. Beside each lies the SHA-256 of the
# template that it was built with, which certificates of deletion name.
build-%:
	@name=$$(echo '$*' | sed -E 's/Function$$//; s/([a-z0-9])([A-Z])/\1-\2/g' | tr A-Z a-z); \
	$(GOBUILD) -o "$(ARTIFACTS_DIR)/bootstrap" ./functions/$$name && $(TEMPLATE_HASH) > "$(ARTIFACTS_DIR)/template.sha256"
