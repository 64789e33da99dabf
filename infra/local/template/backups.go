package template

import "strings"

// Vault is one AWS::Backup::BackupVault.
type Vault struct {
	ID               string // logical id
	MinDays, MaxDays int    // of its lock; 0: none
	ChangeableDays   int    // after which the lock cannot be undone
}

// BackupPlan is one AWS::Backup::BackupPlan with what its selections name.
type BackupPlan struct {
	ID     string
	Rules  []BackupRule
	Tables []string // logical ids
}

// BackupRule makes copies by the clock.
type BackupRule struct {
	Name, Vault     string // Vault is a logical id
	Expression      string // cron(…) or rate(…), in UTC
	DeleteAfterDays int    // 0: never
}

func vault(id string, c cursor) Vault {
	lock := c.get("LockConfiguration")
	return Vault{ID: id, MinDays: lock.get("MinRetentionDays").number(0), MaxDays: lock.get("MaxRetentionDays").number(0), ChangeableDays: lock.get("ChangeableForDays").number(0)}
}

func (p *parser) plan(id string, c cursor) BackupPlan {
	plan := BackupPlan{ID: id}
	for _, r := range c.get("BackupPlan").get("BackupPlanRule").list() {
		rule := BackupRule{Name: r.get("RuleName").text(), Expression: r.get("ScheduleExpression").text(), DeleteAfterDays: r.get("Lifecycle").get("DeleteAfterDays").number(0)}
		v := r.get("TargetBackupVault").value()
		if v.op != opRef || rule.Expression == "" {
			p.fail(r, "a rule of a backup plan needs a schedule and a !Ref to a vault of the template")
		}
		if zone := r.get("ScheduleExpressionTimezone").text(); zone != "" && zone != "Etc/UTC" {
			p.fail(r, "schedules run in UTC, not in %s", zone)
		}
		rule.Vault = v.text
		plan.Rules = append(plan.Rules, rule)
	}
	return plan
}

// selections gives plans their tables; they may stand before or after their plan.
func (p *parser) selections(t *Template, all []cursor) {
	for _, c := range all {
		of := c.get("BackupPlanId").value()
		for i := range t.Plans {
			if t.Plans[i].ID != of.text {
				continue
			}
			for _, r := range c.get("BackupSelection").get("Resources").list() {
				v := r.value()
				id, isARN := strings.CutSuffix(v.text, ".Arn")
				if v.op != opGetAtt || !isARN {
					p.fail(r, "a selection names resources of the template by !GetAtt ….Arn")
				}
				t.Plans[i].Tables = append(t.Plans[i].Tables, id)
			}
		}
	}
}
