// Package types holds the values that the data model keeps as JSON.
package types

import "time"

// EventFilter is what an event must carry: all parts given must match, and in one list any value does.
type EventFilter struct {
	Users        []string `json:"users,omitempty"`
	Entities     []string `json:"entities,omitempty"`
	Applications []string `json:"applications,omitempty"`
	Resources    []string `json:"resources,omitempty"`
	// Attributes are further conditions, each on another key.
	Attributes []AttributeFilter `json:"attributes,omitempty"`
}

// AttributeFilter is a condition on an attribute of the event: it must have one of the values.
type AttributeFilter struct {
	Key    string   `json:"key"`
	Values []string `json:"values"`
}

// Header is a request header of a profile. Of a secret one, Sealed holds the value and Value is empty.
type Header struct {
	Name   string `json:"name"`
	Value  string `json:"value,omitempty"`
	Sealed []byte `json:"sealed,omitempty"`
}

// Secret reports whether the value is write-only.
func (h Header) Secret() bool { return h.Sealed != nil }

// RetryPolicy is when failed deliveries are tried again.
type RetryPolicy struct {
	Kind     string          `json:"kind"`
	Delays   []time.Duration `json:"delays,omitempty"`
	NoJitter bool            `json:"noJitter,omitempty"`
}

// Attribute is a value of an event to filter on.
type Attribute struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Webhook is what an event says about its own delivery, in place of what subscriptions say (a per-message webhook).
type Webhook struct {
	// NotifyURL alone gets the event; empty leaves it to the subscriptions.
	NotifyURL string `json:"notifyUrl,omitempty"`
	// Silent keeps the event from everyone.
	Silent bool `json:"silent,omitempty"`
	// CallbackData is carried in the notification.
	CallbackData string `json:"callbackData,omitempty"`
	// XML asks for an XML body instead of JSON.
	XML bool `json:"xml,omitempty"`
	// IntermediateReports asks for intermediate status reports, too.
	IntermediateReports bool `json:"intermediateReports,omitempty"`
}

// Decides reports whether the event itself says who gets it, in place of subscriptions and resource routes. Nil says nothing.
func (w *Webhook) Decides() bool { return w != nil && (w.Silent || w.NotifyURL != "") }
