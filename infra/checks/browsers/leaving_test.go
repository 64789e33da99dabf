package browsers_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestLeaving has an owner take everything along, end the contract, and think better of it, all from the workspace.
func TestLeaving(t *testing.T) {
	browser := chromium(t)
	s := start(t)
	p := s.visit(t, browser)
	const organisation = "Works that leave"
	p.does("create an account", chromedp.Navigate(s.URL+"/sign-in?next=/workspace"), click(`a[href^="/sign-in/start?with=password"]`), click("#create"),
		fill("#name", "Leaver"), fill("#email", "leaver@nordeiche.example"), fill("#password", "correct horse battery staple"), click("button[type=submit]"))
	p.founds(organisation, "L-1")

	p.does("export everything", click("#export"), seen("#package"))
	if text := p.reads("#exported"); !strings.HasPrefix(text, "Download the package (") {
		t.Errorf("of the export the page says %q", text)
	}

	p.does("type another name", click("#leave summary"), fill("#leave-confirmation", "Some other works"), click("#leave-form button"), seen("#leave-confirmation-bad"))
	if state := p.reads("#contract-state"); !strings.Contains(strings.ToLower(state), "active") {
		t.Errorf("after a wrong name the contract is %q", state)
	}
	p.does("type the name", chromedp.SetValue(chromedp.CSS("#leave-confirmation"), organisation), click("#leave-form button"), seen("#take-back"), chromedp.WaitNotVisible(chromedp.CSS("#create-name")))
	if state := p.reads("#contract-state"); strings.Contains(strings.ToLower(state), "active") {
		t.Errorf("after the termination the contract is %q", state)
	}
	if text := p.reads("#passports"); strings.Contains(text, "Publish") {
		t.Errorf("in the window passports are offered for publication: %q", text)
	}
	p.does("take the termination back", click("#take-back"), chromedp.WaitNotVisible(chromedp.CSS("#take-back")), seen("#create-name"))
	if state := p.reads("#contract-state"); !strings.Contains(strings.ToLower(state), "active") {
		t.Errorf("after taking it back the contract is %q", state)
	}
}
