package audit

// contractEvents documents what happens with the contract of an organisation, in the order in which it happens. Their names
// are constants of package lifecycle. What the notices of a termination tell, with their own texts, has no title here.
func contractEvents() []Documented {
	return []Documented{
		{"tenant.termination-noticed", "An owner terminated the contract, with effect from an instant.", "The contract was terminated"},
		{"tenant.termination-cancelled", "An owner took the termination back before it came into force.", "The termination was taken back"},
		{"tenant.window-opened", "The termination came into force: data can be read and exported, and not changed.", ""},
		{"tenant.reinstated", "An owner took up the contract again within the window.", "The contract was taken up again"},
		{"tenant.expedite-asked", "An owner asked for the window to end early.", "Early deletion was asked for"},
		{"tenant.expedite-confirmed", "Another owner agreed that the window ends early.", "Early deletion was confirmed"},
		{"tenant.expedite-withdrawn", "An owner took the wish for an early end back.", "Early deletion was taken back"},
		{"tenant.window-extended", "The window stays open a little longer, since an export was running.", "The window was extended"},
		{"tenant.sealed", "The window closed: nobody can read the data any more.", ""},
		{"tenant.deletion-planned", "What will be deleted and what is kept was written down.", ""},
		{"tenant.deletion-begun", "The deletion began.", ""},
		{"tenant.deletion-verified", "Every store was searched, and nothing was found.", ""},
		{"tenant.deletion-residue-found", "A verification found something; it is deleted and verified again.", ""},
		{"tenant.active-clear", "The data has left the active systems and the sub-processors.", ""},
		{"tenant.deletion-reopened", "A store found something after the deletion was complete.", ""},
		{"tenant.residual-clear", "No backup and no key is left from before.", ""},
		{"tenant.deletion-certified", "The deletion was certified.", ""},
		{"tenant.retention-policy", "Another retention policy counts from now on, where it is stricter.", ""},
		{"tenant.lifecycle-notice", "One of the notices of a termination was sent.", "The window for export is running"},
		{"hold.asked", "A legal hold was asked for.", "A legal hold was asked for"},
		{"hold.approved", "A legal hold is in force.", "A legal hold is in force"},
		{"hold.reviewed", "A legal hold was looked at again and is still needed.", ""},
		{"hold.released", "A legal hold was released.", "A legal hold was released"},
		{"passport.disposition-set", "It was said what becomes of a passport when the organisation leaves.", ""},
		{"retention.resumed", "The deletion goes on after an outage, by the word of an operator.", ""},
	}
}
