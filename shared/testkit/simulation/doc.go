// Package simulation lets tenants live, leave and be deleted for years in seconds, with everything that goes wrong in
// between, and looks for a way to break the promise of deletion. The engine is the real one (packages lifecycle,
// retention, journal and backup); what is made here is the world around it: storage, backups, keys, an identity provider,
// clocks that lie, jobs that crash, and customers.
//
// A seed and a commit make a run: there is one virtual clock, no goroutine, no dependence on the order of maps, and one
// source of randomness for each purpose. Each seed draws its own mix of faults; some have none. An oracle that shares no
// code with the engine watches every change of the world and holds it against the invariants; what it finds is printed
// with the command that replays it.
//
// The model of AWS is ours. Its behaviours stand beside a comment with what AWS documents, and the ports of the Ledger
// pass the same contract here and on the real engine (package ledgercontract).
package simulation
