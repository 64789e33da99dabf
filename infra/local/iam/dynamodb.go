package iam

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/passportcraft/passportcraft/infra/local/iam/policy"
)

// attributes are those of an item or a key; only texts can be partition keys here.
type attributes map[string]struct{ S *string }

// operation is what is read of a call of DynamoDB.
type operation struct {
	TableName, IndexName      string
	Key, Item                 attributes
	KeyConditionExpression    string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues attributes
	RequestItems              jsontext.Value
	TransactItems             []map[string]operation
}

// dynamodb is the requests of a call of DynamoDB. A transaction is one request per member (DynamoDB Developer Guide,
// "Using IAM with DynamoDB transactions"); every other call is one per table.
func (a *attempt) dynamodb() ([]policy.Request, string) {
	name := strings.TrimPrefix(a.r.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
	var in operation
	if json.Unmarshal(a.body, &in) != nil {
		return nil, name
	}
	switch name {
	case "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "DescribeTable":
		return one(a.item(name, in))
	case "TransactWriteItems", "TransactGetItems":
		return a.transaction(in)
	case "BatchGetItem", "BatchWriteItem":
		return a.batch(name, in.RequestItems)
	case "ListTables": // has no resource (Service Authorization Reference)
		return []policy.Request{{Action: "dynamodb:ListTables", Resource: "*"}}, ""
	case "ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction":
		return []policy.Request{{Action: "dynamodb:PartiQLSelect", Resource: a.table("*")}}, ""
	}
	return nil, name
}

func one(r policy.Request, unknown string) ([]policy.Request, string) {
	return []policy.Request{r}, unknown
}

func (a *attempt) table(name string) string {
	return "arn:aws:dynamodb:" + a.region + ":" + a.options.Values["AWS::AccountId"] + ":table/" + name
}

// item is the request of a call on one table.
func (a *attempt) item(action string, in operation) (policy.Request, string) {
	t, ok := a.tables[in.TableName]
	if !ok {
		return policy.Request{}, action
	}
	r := policy.Request{Action: "dynamodb:" + action, Resource: a.table(in.TableName), Keys: policy.Keys{}}
	hash := t.Hash
	if in.IndexName != "" {
		hash, r.Resource = "", r.Resource+"/index/"+in.IndexName
		for _, x := range t.Indexes {
			if x.Name == in.IndexName {
				hash = x.Hash
			}
		}
	}
	for _, of := range []attributes{in.Key, in.Item, a.conditions(in, hash)} {
		if v := of[hash].S; v != nil {
			r.Keys.Set("dynamodb:LeadingKeys", *v)
		}
	}
	return r, ""
}

// conditions is the partition key that a query asks for.
func (a *attempt) conditions(o operation, hash string) attributes {
	if o.KeyConditionExpression == "" {
		return nil
	}
	for _, m := range a.equals.FindAllStringSubmatch(o.KeyConditionExpression, -1) {
		name := m[1]
		if alias, ok := o.ExpressionAttributeNames[name]; ok {
			name = alias
		}
		if name == hash {
			return attributes{hash: o.ExpressionAttributeValues[m[2]]}
		}
	}
	return nil
}

func (a *attempt) transaction(in operation) ([]policy.Request, string) {
	actions := map[string]string{"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem", "Get": "GetItem"}
	var all []policy.Request
	for _, members := range in.TransactItems {
		for kind, of := range members {
			r, unknown := a.item(actions[kind], of)
			if unknown != "" || actions[kind] == "" {
				return nil, kind
			}
			all = append(all, r)
		}
	}
	return all, ""
}

// batch is one request per table, with the partition keys of all its items.
func (a *attempt) batch(action string, raw jsontext.Value) ([]policy.Request, string) {
	keys := map[string][]attributes{}
	if action == "BatchGetItem" {
		var reads map[string]struct{ Keys []attributes }
		if json.Unmarshal(raw, &reads) != nil {
			return nil, action
		}
		for table, of := range reads {
			keys[table] = of.Keys
		}
	} else {
		var writes map[string][]struct {
			PutRequest    struct{ Item attributes }
			DeleteRequest struct{ Key attributes }
		}
		if json.Unmarshal(raw, &writes) != nil {
			return nil, action
		}
		for table, of := range writes {
			for _, w := range of {
				keys[table] = append(keys[table], w.PutRequest.Item, w.DeleteRequest.Key)
			}
		}
	}
	var all []policy.Request
	for table, of := range keys {
		t, ok := a.tables[table]
		if !ok {
			return nil, action
		}
		var leading []string
		for _, k := range of {
			if v := k[t.Hash].S; v != nil {
				leading = append(leading, *v)
			}
		}
		all = append(all, policy.Request{Action: "dynamodb:" + action, Resource: a.table(table), Keys: policy.Keys{}.Set("dynamodb:LeadingKeys", leading...)})
	}
	return all, ""
}
