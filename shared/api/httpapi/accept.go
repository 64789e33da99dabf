package httpapi

import (
	"mime"
	"strconv"
	"strings"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Negotiate picks the offer that the Accept header prefers (RFC 9110, section 12.5.1); among equals the earlier offer.
// Without a header the first offer is taken; when nothing fits, a not-acceptable fault lists the offers.
func Negotiate(accept string, offers ...string) (string, error) {
	if strings.TrimSpace(accept) == "" {
		return offers[0], nil
	}
	best, bestQ := "", 0.0
	for _, offer := range offers {
		if q := quality(accept, offer); q > bestQ {
			best, bestQ = offer, q
		}
	}
	if best == "" {
		return "", fault.New(fault.CodeNotAcceptable, "Available here: %s.", strings.Join(offers, ", "))
	}
	return best, nil
}

// quality is the weight the header gives to a media type: that of its most specific matching range.
func quality(accept, offer string) float64 {
	kind, _, _ := strings.Cut(offer, "/")
	q, rank := 0.0, 0
	for part := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		r := 0
		switch media {
		case offer:
			r = 3
		case kind + "/*":
			r = 2
		case "*/*":
			r = 1
		}
		if r <= rank {
			continue
		}
		weight := 1.0
		if s, ok := params["q"]; ok {
			if w, err := strconv.ParseFloat(s, 64); err == nil && w >= 0 && w <= 1 {
				weight = w
			} else {
				weight = 0
			}
		}
		q, rank = weight, r
	}
	return q
}
