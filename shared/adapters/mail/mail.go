// Package mail sends mail with Amazon SES. It knows neither invitations nor people.
package mail

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Mailer implements member.Mailer.
type Mailer struct {
	api     *sesv2.Client
	from    string
	observe func(ctx context.Context, operation string, units float64)
}

// Open makes a mailer that writes from one verified address. Nothing is called yet. endpoint overrides AWS's address.
func Open(cfg aws.Config, endpoint, from string, observe func(context.Context, string, float64)) *Mailer {
	api := sesv2.NewFromConfig(cfg, func(o *sesv2.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
	return &Mailer{api: api, from: from, observe: observe}
}

// Send sends plain text to one address.
func (m *Mailer) Send(ctx context.Context, mail member.Mail) error {
	text := func(s string) *types.Content {
		return &types.Content{Data: aws.String(s), Charset: aws.String("UTF-8")}
	}
	_, err := m.api.SendEmail(ctx, &sesv2.SendEmailInput{
		FromEmailAddress: &m.from, Destination: &types.Destination{ToAddresses: []string{mail.To}},
		Content: &types.EmailContent{Simple: &types.Message{Subject: text(mail.Subject), Body: &types.Body{Text: text(mail.Text)}}},
	})
	m.observe(ctx, "ses.SendEmail", 0)
	if err != nil {
		return fault.From(err, fault.CodeUnavailable, "The mail could not be sent, so nothing was changed. Repeat later.").After(10 * time.Second)
	}
	return nil
}
