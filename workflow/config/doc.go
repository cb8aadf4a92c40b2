// Package config reads YAML with the line of every fault, strictly: a key that
// nobody knows is a fault that gives the nearest one. Both of Cardea's files are
// read by it, the server's cardea.yml and a repository's .cardea.yml; what the
// latter means is here, too.
package config
