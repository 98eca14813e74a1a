// Package compose holds the tests of docker-compose.yml, which need modules that the program itself does not.
package compose
