// Command conformance compares what was said over HTTP in our tests with what GitHub itself
// says about its API.
//
// localgithub appends every exchange and every webhook delivery to the file that the environment's CARDEA_EXCHANGES
// names. This program reads such files and GitHub's own descriptions: the OpenAPI description of REST and of webhooks
// (npm package @octokit/openapi) and the schema of GraphQL (@octokit/graphql-schema), both pinned by version and
// checksum. Four things are checked:
//
//   - Requests: method and path exist; parameters and bodies fit, and say nothing that GitHub does not know; the kind
//
// of token is one that the endpoint takes. Requests of the product are always held to this. Those
// that localgithub's
//
//	  own tests make are held to it when they were accepted: refusing bad requests is what is being tested there.
//	- Answers: the status is documented for the operation, or stands in the short table of statuses that GitHub
//	  documents elsewhere; media type and body fit, and hold nothing that GitHub's would not, as a client might come to
//	  rely on it. Answers that a FaultRule had its hand in are left out.
//	- Deliveries: the event exists for Apps, its headers and its payload fit in the same way.
//	- GraphQL: what localgithub serves is a part of GitHub's schema, queries fit GitHub's, and answers their queries.
//
// A check that cannot fail is not a check: every run first breaks exchanges on purpose and
// has to find each fault, and too few exchanges are a failure too.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// packages are where GitHub's descriptions come from; a tarball that is not exactly this is refused.
var (
	openapiPackage = tarball{
		name: "@octokit/openapi 23.0.2", member: "package/generated/api.github.com.json",
		sha512: "pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg==",
	}
	graphqlPackage = tarball{
		name: "@octokit/graphql-schema 15.26.1", member: "package/schema.graphql",
		sha512: "RFDC2MpRBd4AxSRvUeBIVeBU7ojN/SxDfALUd7iVYOSeEK3gZaqR2MGOysj4Zh2xj2RY5fQAUT+Oqq7hWTraMA==",
	}
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

var errFaults = errors.New("the exchanges do not conform")

// run checks the files of exchanges named by args and prints what it saw. Any fault, too little to check, and a check
// that does not find what was broken on purpose are errors.
func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	openapi := flags.String("openapi", "", "tarball of "+openapiPackage.name)
	graphql := flags.String("graphql", "", "tarball of "+graphqlPackage.name)
	served := flags.String("served", "", "the GraphQL schema that localgithub serves")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("reading arguments: %w", err)
	}
	c, err := newChecker(*openapi, *graphql, *served)
	if err != nil {
		return err
	}
	if err := selfTest(c); err != nil {
		return err
	}
	for _, file := range flags.Args() {
		if err := readExchanges(file, c.exchange); err != nil {
			return err
		}
	}
	c.servedSchema()
	c.print(out)
	if err := c.enough(); err != nil {
		return err
	}
	if len(c.faults) > 0 {
		return errFaults
	}
	return nil
}

// newChecker reads the descriptions.
func newChecker(openapi, graphql, served string) (*checker, error) {
	raw, err := openapiPackage.read(openapi)
	if err != nil {
		return nil, err
	}
	rest, err := newDescription(raw, corrections)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", openapiPackage.name, err)
	}
	if raw, err = graphqlPackage.read(graphql); err != nil {
		return nil, err
	}
	ours, err := os.ReadFile(served)
	if err != nil {
		return nil, fmt.Errorf("reading the schema that is served: %w", err)
	}
	gql, err := newSchemas(string(raw), string(ours))
	if err != nil {
		return nil, err
	}
	return &checker{rest: rest, gql: gql, tally: newTally()}, nil
}
