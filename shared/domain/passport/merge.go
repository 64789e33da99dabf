package passport

// Merge applies a JSON Merge Patch (RFC 7396) to an object and returns the result; neither argument is changed. A null
// removes a member, an object merges member by member, anything else replaces.
func Merge(target, patch map[string]any) map[string]any {
	out := make(map[string]any, len(target)+len(patch))
	for k, v := range target {
		out[k] = v
	}
	for k, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(out, k)
		case map[string]any:
			below, _ := out[k].(map[string]any)
			out[k] = Merge(below, v)
		default:
			out[k] = v
		}
	}
	return out
}
