// Package e2e holds the tests of the whole: the built program runs as processes, as an operator runs it, on both backends,
// and is killed, frozen, stopped and cut off from its database and its Redis. What is under test is reached over its own
// interfaces only: the API, webhooks, settings, signals and the log.
//
// The tests are in the files that are named after what happens to the program. What they stand on:
//
//	build_test.go     the program, built once
//	process_test.go   one process of it, its log and its end
//	install_test.go   the settings that processes share
//	api_test.go       a client of the API
//	chaos_test.go     what happens one fault at a time; make chaos runs it at length
//	faults_test.go    the faults
//	chaosrig_test.go  what they happen to
//	audit_test.go     what must hold afterwards, as values
//	levels_test.go    what processes hold of what could leak
//	traffic_test.go   publishing, whatever happens meanwhile
//	ledger_test.go    what the log says of events, held against what receivers got
//	livelog_test.go   the live log, followed by the graphql-ws client
//	proxy_test.go     connections that can be cut
//	trap_test.go      what is not to pass a proxy
//	wait_test.go      waiting for what changes
package e2e
