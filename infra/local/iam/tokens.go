package iam

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/passportcraft/passportcraft/infra/local/iam/policy"
)

const (
	leastSession   = 15 * time.Minute
	chainedSession = time.Hour // a role that assumes a role gets no longer session
	stsNamespace   = "https://sts.amazonaws.com/doc/2011-06-15/"
)

// sts answers calls of the Security Token Service.
func (a *attempt) sts() (admitted, *answer) {
	form, err := url.ParseQuery(string(a.body))
	if err != nil {
		return admitted{}, refuse("sts", accessDenied, "The body is not a form.")
	}
	if form.Get("Action") != "AssumeRole" {
		return admitted{}, a.denied(policy.Request{Action: "sts:" + form.Get("Action"), Resource: "*"}, "the gate does not know this call")
	}
	target := a.roles[form.Get("RoleArn")]
	if target == nil || a.caller.role == nil {
		return admitted{}, a.denied(policy.Request{Action: "sts:AssumeRole", Resource: form.Get("RoleArn")}, "the role does not exist or does not trust the caller")
	}
	tags, keys := map[string]string{}, []string{}
	for i := 1; ; i++ {
		prefix := "Tags.member." + strconv.Itoa(i)
		name := form.Get(prefix + ".Key")
		if name == "" {
			break
		}
		tags[name], keys = form.Get(prefix+".Value"), append(keys, name)
	}
	actions := []string{"sts:AssumeRole"}
	if len(tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	for _, action := range actions {
		r := policy.Request{Action: action, Resource: target.arn, Principal: a.caller.role.arn, Keys: policy.Keys{}}
		for name, v := range tags {
			r.Keys.Set("aws:RequestTag/"+name, v)
		}
		if len(keys) > 0 {
			r.Keys.Set("aws:TagKeys", keys...)
		}
		r.Keys.Set("sts:RoleSessionName", form.Get("RoleSessionName"))
		if d := policy.Decide(r, target.trust...); !d.Allowed {
			return admitted{}, a.denied(r, "the trust policy of "+target.id+" does not allow it")
		}
		if problem := a.judge(r); problem != nil {
			return admitted{}, problem
		}
	}
	return a.session(target, form, tags)
}

// session makes credentials of a role.
func (a *attempt) session(target *role, form url.Values, tags map[string]string) (admitted, *answer) {
	name := form.Get("RoleSessionName")
	seconds, err := strconv.Atoi(form.Get("DurationSeconds"))
	life := time.Duration(seconds) * time.Second
	if !regexp.MustCompile(`^[\w+=,.@-]{2,64}$`).MatchString(name) || err != nil || life < leastSession || life > chainedSession {
		return admitted{}, &answer{http.StatusBadRequest, "text/xml", document("ErrorResponse", struct{ Error fault }{
			fault{"Sender", "ValidationError", "The session's name or duration is not one that is allowed."},
		})}
	}
	key, secret, err := a.credential("ASIA")
	if err != nil {
		return admitted{}, refuse("sts", accessDenied, "There is no randomness.")
	}
	_, token, err := a.credential("")
	if err != nil {
		return admitted{}, refuse("sts", accessDenied, "There is no randomness.")
	}
	c := &caller{
		role: target, secret: secret, token: token, expires: a.options.Now().Add(life), tags: tags,
		arn: "arn:aws:sts::" + a.options.Values["AWS::AccountId"] + ":assumed-role/" + target.id + "/" + name,
	}
	a.mu.Lock()
	for k, old := range a.callers {
		if old.token != "" && a.options.Now().After(old.expires.Add(chainedSession)) {
			delete(a.callers, k)
		}
	}
	a.callers[key] = c
	a.mu.Unlock()
	type credentials struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string } //nolint:staticcheck // the names in the document
	type user struct{ AssumedRoleId, Arn string }                                            //nolint:staticcheck // the names in the document
	type result struct {
		Credentials     credentials
		AssumedRoleUser user
	}
	return admitted{answer: &answer{http.StatusOK, "text/xml", document("AssumeRoleResponse", struct {
		Namespace        string `xml:"xmlns,attr"`
		AssumeRoleResult result
		ResponseMetadata struct {
			RequestID string `xml:"RequestId"`
		}
	}{Namespace: stsNamespace, AssumeRoleResult: result{
		credentials{key, secret, token, c.expires.UTC().Format(time.RFC3339)}, user{"AROA:" + name, c.arn},
	}})}}, nil
}
