package drill

import "slices"

// Kind names what a table holds.
type Kind string

// The kinds. The Ledger alone is not restored by a drill: it holds the journal that would be replayed into it.
const (
	Records Kind = "records"
	People  Kind = "people"
	Public  Kind = "public"
	Custody Kind = "custody"
	Keys    Kind = "keys"
	Ledger  Kind = "ledger"
)

// Place is where the table of a kind is found.
type Place struct {
	Kind     Kind
	Table    string // logical id in template.yaml
	Variable string // in the environment of functions
	Sorted   bool   // its keys have a second part
}

// Places lists all tables of the platform: a table that is not among them is never cleared, and so is never used.
func Places() []Place {
	return []Place{
		{Records, "RecordsTable", "RECORDS_TABLE", true},
		{People, "PeopleTable", "PEOPLE_TABLE", true},
		{Public, "PublicTable", "PUBLIC_TABLE", false},
		{Custody, "CustodyTable", "CUSTODY_TABLE", false},
		{Keys, "KeysTable", "KEYS_TABLE", true},
		{Ledger, "LedgerTable", "LEDGER_TABLE", true},
	}
}

// Place is that of a kind; it has no names when there is no such kind.
func (k Kind) Place() Place {
	all := Places()
	if i := slices.IndexFunc(all, func(p Place) bool { return p.Kind == k }); i >= 0 {
		return all[i]
	}
	return Place{}
}

// Known tells whether a drill restores tables of this kind.
func (k Kind) Known() bool { return k != Ledger && k.Place().Kind == k }
