// Package deployment tests what is in deploy/ and docker-compose.yml: that a cluster would take the manifests, that the
// worker knows every variable that it is given, and that times and ports are those of the program.
package deployment
