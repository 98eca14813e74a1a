/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';
/** What an API key is for. */
export type ApiKeyKind =
  /** A program or a person keeps it. */
  | 'KEY'
  /** It is in the link of a portal session, with which a customer works in one account in the dashboard. */
  | 'PORTAL';

/** Which attempts to list or to watch: all parts given must hold. */
export type AttemptFilter = {
  /** Of this delivery. */
  deliveryId?: string | number | null | undefined;
  /** Of this event. */
  eventId?: string | number | null | undefined;
  /** Of one of these event types. */
  eventTypes?: Array<string> | null | undefined;
  /** With one of these outcomes. */
  outcomes?: Array<AttemptOutcome> | null | undefined;
  /** Ended at this instant or later. */
  since?: string | null | undefined;
  /** That took at least as many milliseconds. */
  slowerThanMs?: number | null | undefined;
  /** With one of these status codes. */
  statusCodes?: Array<number> | null | undefined;
  /** To one of these subscriptions, by id; at most 100. */
  subscriptions?: Array<string | number> | null | undefined;
  /** Set off by one of these. */
  triggers?: Array<AttemptTrigger> | null | undefined;
  /** Ended before this instant. */
  until?: string | null | undefined;
};

/** How an attempt went. */
export type AttemptOutcome =
  /** The credentials for the webhook could not be had. */
  | 'AUTH'
  /** The address is one to which Hookline never sends. */
  | 'BLOCKED'
  /** It was called off. */
  | 'CANCELLED'
  /** The connection was refused, reset or broken. */
  | 'CONNECT'
  /** The host's name could not be resolved. */
  | 'DNS'
  /** The status code was not one of success. */
  | 'HTTP_ERROR'
  /** The worker stopped in its middle; the request may have arrived. */
  | 'INTERRUPTED'
  /** The response did not match the profile's regular expressions, or, of a bucket, named this event as failed, or failed events in a form that cannot be read. */
  | 'RESPONSE_MISMATCH'
  /** The endpoint took the notification. */
  | 'SUCCESS'
  /** Connecting, or waiting for the response, took too long. */
  | 'TIMEOUT'
  /** The TLS handshake failed. */
  | 'TLS';

/** What set an attempt off. */
export type AttemptTrigger =
  /** The event. */
  | 'FIRST'
  /** Somebody asked for it again. */
  | 'REPLAY'
  /** An attempt that had failed. */
  | 'RETRY'
  /** Somebody tried the subscription out. */
  | 'TEST';

/** What a batch of live attempts is. */
export type BatchKind =
  /** Attempts from before the stream was joined. */
  | 'BACKFILL'
  /** Attempts were skipped, because the reader was too slow or the cursor is too old: the query has them. */
  | 'GAP'
  /** Nothing new; the cursor has moved on. */
  | 'HEARTBEAT'
  /** Attempts as they end. */
  | 'LIVE'
  /** As LIVE, but there were more than `maxPerSecond`: the newest are here, the rest is skipped. */
  | 'SAMPLED';

/** What has become of a delivery. */
export type DeliveryStatus =
  /** It was called off: by hand, or because its subscription, route or profile was deleted or disabled. */
  | 'CANCELLED'
  /** Its retries ran out; it is kept. */
  | 'EXHAUSTED'
  /** Its subscription is disabled; it is sent when that is enabled again. */
  | 'PARKED'
  /** A worker has it or will have it in a moment. */
  | 'QUEUED'
  /** It waits for its next attempt. */
  | 'RETRYING'
  /** Its subscription was disabled when the event came: it is not sent. */
  | 'SKIPPED'
  /** The endpoint took it. */
  | 'SUCCEEDED';

/** What an API key may do. */
export type Scope =
  /** Create accounts, and act for any account with the header `Hookline-Account`. */
  | 'ACCOUNTS_ADMIN'
  /** Add and change categories and event types, which all accounts share. */
  | 'CATALOGUE_WRITE'
  /** Replay, retry and cancel deliveries. */
  | 'DELIVERIES_REPLAY'
  /** Publish events. */
  | 'EVENTS_PUBLISH'
  /** Create, list and revoke API keys. */
  | 'KEYS_ADMIN'
  /** Read events, deliveries and attempts, without their payloads. */
  | 'LOG_READ'
  /** Read payloads: what was published, what was sent and what was answered. */
  | 'PAYLOADS_READ'
  /** Set secrets: signing secrets, credentials and secret headers. */
  | 'SECRETS_WRITE'
  /** Read event subscriptions and notification profiles. */
  | 'SUBSCRIPTIONS_READ'
  /** Create, change and delete event subscriptions and notification profiles. */
  | 'SUBSCRIPTIONS_WRITE';

/** A version of TLS. */
export type TlsVersion =
  /** TLS 1.2 (RFC 5246). */
  | 'TLS_1_2'
  /** TLS 1.3 (RFC 8446). */
  | 'TLS_1_3';

export type AttemptDetailFragment = { id: string, eventId: string, eventType: string, number: number, trigger: AttemptTrigger, outcome: AttemptOutcome, statusCode: number | null, startedAt: string, url: string, remoteAddress: string | null, tlsVersion: TlsVersion | null, batchSize: number, error: string | null, hint: string | null, nextAttemptAt: string | null, delivery: { id: string, status: DeliveryStatus, nextAttemptAt: string | null, attempts: Array<{ id: string, number: number, outcome: AttemptOutcome, statusCode: number | null, startedAt: string, timing: { totalMs: number } }> }, subscription: { id: string, name: string } | null, timing: { queuedMs: number, dnsMs: number | null, connectMs: number | null, tlsMs: number | null, firstByteMs: number | null, totalMs: number, connectionReused: boolean }, request: { headers: Array<{ name: string, value: string | null }> }, response: { headers: Array<{ name: string, value: string | null }> } | null };

export type AttemptQueryVariables = Exact<{
  id: string | number;
}>;


export type AttemptQuery = { deliveryAttempt: { id: string, eventId: string, eventType: string, number: number, trigger: AttemptTrigger, outcome: AttemptOutcome, statusCode: number | null, startedAt: string, url: string, remoteAddress: string | null, tlsVersion: TlsVersion | null, batchSize: number, error: string | null, hint: string | null, nextAttemptAt: string | null, request: { body: { contentType: string | null, text: string | null, base64: string | null, sizeBytes: number, truncated: boolean } | null, headers: Array<{ name: string, value: string | null }> }, response: { body: { contentType: string | null, text: string | null, base64: string | null, sizeBytes: number, truncated: boolean } | null, headers: Array<{ name: string, value: string | null }> } | null, delivery: { id: string, status: DeliveryStatus, nextAttemptAt: string | null, attempts: Array<{ id: string, number: number, outcome: AttemptOutcome, statusCode: number | null, startedAt: string, timing: { totalMs: number } }> }, subscription: { id: string, name: string } | null, timing: { queuedMs: number, dnsMs: number | null, connectMs: number | null, tlsMs: number | null, firstByteMs: number | null, totalMs: number, connectionReused: boolean } } | null };

export type AttemptWithoutBodiesQueryVariables = Exact<{
  id: string | number;
}>;


export type AttemptWithoutBodiesQuery = { deliveryAttempt: { id: string, eventId: string, eventType: string, number: number, trigger: AttemptTrigger, outcome: AttemptOutcome, statusCode: number | null, startedAt: string, url: string, remoteAddress: string | null, tlsVersion: TlsVersion | null, batchSize: number, error: string | null, hint: string | null, nextAttemptAt: string | null, delivery: { id: string, status: DeliveryStatus, nextAttemptAt: string | null, attempts: Array<{ id: string, number: number, outcome: AttemptOutcome, statusCode: number | null, startedAt: string, timing: { totalMs: number } }> }, subscription: { id: string, name: string } | null, timing: { queuedMs: number, dnsMs: number | null, connectMs: number | null, tlsMs: number | null, firstByteMs: number | null, totalMs: number, connectionReused: boolean }, request: { headers: Array<{ name: string, value: string | null }> }, response: { headers: Array<{ name: string, value: string | null }> } | null } | null };

export type LiveAttemptsSubscriptionVariables = Exact<{
  filter?: AttemptFilter | null | undefined;
  after?: string | null | undefined;
  backfill: number;
  maxPerSecond: number;
}>;


export type LiveAttemptsSubscription = { deliveryAttempts: { kind: BatchKind, cursor: string, matched: number, skipped: number, attempts: Array<{ id: string, startedAt: string, outcome: AttemptOutcome, statusCode: number | null, eventType: string, number: number, subscription: { id: string, name: string } | null, timing: { totalMs: number } }> } };

export type ViewerQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerQuery = { viewer: { keyName: string, keyKind: ApiKeyKind, expiresAt: string | null, scopes: Array<Scope>, version: string, account: { key: string, name: string } } };

export const AttemptDetailFragmentDoc = {"kind":"Document","definitions":[{"kind":"FragmentDefinition","name":{"kind":"Name","value":"AttemptDetail"},"typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"DeliveryAttempt"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"delivery"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"nextAttemptAt"}},{"kind":"Field","name":{"kind":"Name","value":"attempts"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"number"}},{"kind":"Field","name":{"kind":"Name","value":"outcome"}},{"kind":"Field","name":{"kind":"Name","value":"statusCode"}},{"kind":"Field","name":{"kind":"Name","value":"startedAt"}},{"kind":"Field","name":{"kind":"Name","value":"timing"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"totalMs"}}]}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"eventId"}},{"kind":"Field","name":{"kind":"Name","value":"eventType"}},{"kind":"Field","name":{"kind":"Name","value":"subscription"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}},{"kind":"Field","name":{"kind":"Name","value":"number"}},{"kind":"Field","name":{"kind":"Name","value":"trigger"}},{"kind":"Field","name":{"kind":"Name","value":"outcome"}},{"kind":"Field","name":{"kind":"Name","value":"statusCode"}},{"kind":"Field","name":{"kind":"Name","value":"startedAt"}},{"kind":"Field","name":{"kind":"Name","value":"timing"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"queuedMs"}},{"kind":"Field","name":{"kind":"Name","value":"dnsMs"}},{"kind":"Field","name":{"kind":"Name","value":"connectMs"}},{"kind":"Field","name":{"kind":"Name","value":"tlsMs"}},{"kind":"Field","name":{"kind":"Name","value":"firstByteMs"}},{"kind":"Field","name":{"kind":"Name","value":"totalMs"}},{"kind":"Field","name":{"kind":"Name","value":"connectionReused"}}]}},{"kind":"Field","name":{"kind":"Name","value":"url"}},{"kind":"Field","name":{"kind":"Name","value":"request"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"headers"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"value"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"response"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"headers"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"value"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"remoteAddress"}},{"kind":"Field","name":{"kind":"Name","value":"tlsVersion"}},{"kind":"Field","name":{"kind":"Name","value":"batchSize"}},{"kind":"Field","name":{"kind":"Name","value":"error"}},{"kind":"Field","name":{"kind":"Name","value":"hint"}},{"kind":"Field","name":{"kind":"Name","value":"nextAttemptAt"}}]}}]} as unknown as DocumentNode<AttemptDetailFragment, unknown>;
export const AttemptDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Attempt"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deliveryAttempt"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"FragmentSpread","name":{"kind":"Name","value":"AttemptDetail"}},{"kind":"Field","name":{"kind":"Name","value":"request"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"body"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"contentType"}},{"kind":"Field","name":{"kind":"Name","value":"text"}},{"kind":"Field","name":{"kind":"Name","value":"base64"}},{"kind":"Field","name":{"kind":"Name","value":"sizeBytes"}},{"kind":"Field","name":{"kind":"Name","value":"truncated"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"response"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"body"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"contentType"}},{"kind":"Field","name":{"kind":"Name","value":"text"}},{"kind":"Field","name":{"kind":"Name","value":"base64"}},{"kind":"Field","name":{"kind":"Name","value":"sizeBytes"}},{"kind":"Field","name":{"kind":"Name","value":"truncated"}}]}}]}}]}}]}},{"kind":"FragmentDefinition","name":{"kind":"Name","value":"AttemptDetail"},"typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"DeliveryAttempt"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"delivery"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"nextAttemptAt"}},{"kind":"Field","name":{"kind":"Name","value":"attempts"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"number"}},{"kind":"Field","name":{"kind":"Name","value":"outcome"}},{"kind":"Field","name":{"kind":"Name","value":"statusCode"}},{"kind":"Field","name":{"kind":"Name","value":"startedAt"}},{"kind":"Field","name":{"kind":"Name","value":"timing"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"totalMs"}}]}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"eventId"}},{"kind":"Field","name":{"kind":"Name","value":"eventType"}},{"kind":"Field","name":{"kind":"Name","value":"subscription"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}},{"kind":"Field","name":{"kind":"Name","value":"number"}},{"kind":"Field","name":{"kind":"Name","value":"trigger"}},{"kind":"Field","name":{"kind":"Name","value":"outcome"}},{"kind":"Field","name":{"kind":"Name","value":"statusCode"}},{"kind":"Field","name":{"kind":"Name","value":"startedAt"}},{"kind":"Field","name":{"kind":"Name","value":"timing"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"queuedMs"}},{"kind":"Field","name":{"kind":"Name","value":"dnsMs"}},{"kind":"Field","name":{"kind":"Name","value":"connectMs"}},{"kind":"Field","name":{"kind":"Name","value":"tlsMs"}},{"kind":"Field","name":{"kind":"Name","value":"firstByteMs"}},{"kind":"Field","name":{"kind":"Name","value":"totalMs"}},{"kind":"Field","name":{"kind":"Name","value":"connectionReused"}}]}},{"kind":"Field","name":{"kind":"Name","value":"url"}},{"kind":"Field","name":{"kind":"Name","value":"request"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"headers"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"value"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"response"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"headers"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"value"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"remoteAddress"}},{"kind":"Field","name":{"kind":"Name","value":"tlsVersion"}},{"kind":"Field","name":{"kind":"Name","value":"batchSize"}},{"kind":"Field","name":{"kind":"Name","value":"error"}},{"kind":"Field","name":{"kind":"Name","value":"hint"}},{"kind":"Field","name":{"kind":"Name","value":"nextAttemptAt"}}]}}]} as unknown as DocumentNode<AttemptQuery, AttemptQueryVariables>;
export const AttemptWithoutBodiesDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"AttemptWithoutBodies"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"id"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ID"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deliveryAttempt"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"id"},"value":{"kind":"Variable","name":{"kind":"Name","value":"id"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"FragmentSpread","name":{"kind":"Name","value":"AttemptDetail"}}]}}]}},{"kind":"FragmentDefinition","name":{"kind":"Name","value":"AttemptDetail"},"typeCondition":{"kind":"NamedType","name":{"kind":"Name","value":"DeliveryAttempt"}},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"delivery"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"status"}},{"kind":"Field","name":{"kind":"Name","value":"nextAttemptAt"}},{"kind":"Field","name":{"kind":"Name","value":"attempts"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"number"}},{"kind":"Field","name":{"kind":"Name","value":"outcome"}},{"kind":"Field","name":{"kind":"Name","value":"statusCode"}},{"kind":"Field","name":{"kind":"Name","value":"startedAt"}},{"kind":"Field","name":{"kind":"Name","value":"timing"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"totalMs"}}]}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"eventId"}},{"kind":"Field","name":{"kind":"Name","value":"eventType"}},{"kind":"Field","name":{"kind":"Name","value":"subscription"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}},{"kind":"Field","name":{"kind":"Name","value":"number"}},{"kind":"Field","name":{"kind":"Name","value":"trigger"}},{"kind":"Field","name":{"kind":"Name","value":"outcome"}},{"kind":"Field","name":{"kind":"Name","value":"statusCode"}},{"kind":"Field","name":{"kind":"Name","value":"startedAt"}},{"kind":"Field","name":{"kind":"Name","value":"timing"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"queuedMs"}},{"kind":"Field","name":{"kind":"Name","value":"dnsMs"}},{"kind":"Field","name":{"kind":"Name","value":"connectMs"}},{"kind":"Field","name":{"kind":"Name","value":"tlsMs"}},{"kind":"Field","name":{"kind":"Name","value":"firstByteMs"}},{"kind":"Field","name":{"kind":"Name","value":"totalMs"}},{"kind":"Field","name":{"kind":"Name","value":"connectionReused"}}]}},{"kind":"Field","name":{"kind":"Name","value":"url"}},{"kind":"Field","name":{"kind":"Name","value":"request"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"headers"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"value"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"response"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"headers"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"value"}}]}}]}},{"kind":"Field","name":{"kind":"Name","value":"remoteAddress"}},{"kind":"Field","name":{"kind":"Name","value":"tlsVersion"}},{"kind":"Field","name":{"kind":"Name","value":"batchSize"}},{"kind":"Field","name":{"kind":"Name","value":"error"}},{"kind":"Field","name":{"kind":"Name","value":"hint"}},{"kind":"Field","name":{"kind":"Name","value":"nextAttemptAt"}}]}}]} as unknown as DocumentNode<AttemptWithoutBodiesQuery, AttemptWithoutBodiesQueryVariables>;
export const LiveAttemptsDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"subscription","name":{"kind":"Name","value":"LiveAttempts"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"filter"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"AttemptFilter"}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"after"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"Cursor"}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"backfill"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"Int"}}}},{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"maxPerSecond"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"Int"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deliveryAttempts"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"filter"},"value":{"kind":"Variable","name":{"kind":"Name","value":"filter"}}},{"kind":"Argument","name":{"kind":"Name","value":"after"},"value":{"kind":"Variable","name":{"kind":"Name","value":"after"}}},{"kind":"Argument","name":{"kind":"Name","value":"backfill"},"value":{"kind":"Variable","name":{"kind":"Name","value":"backfill"}}},{"kind":"Argument","name":{"kind":"Name","value":"maxPerSecond"},"value":{"kind":"Variable","name":{"kind":"Name","value":"maxPerSecond"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"kind"}},{"kind":"Field","name":{"kind":"Name","value":"cursor"}},{"kind":"Field","name":{"kind":"Name","value":"matched"}},{"kind":"Field","name":{"kind":"Name","value":"skipped"}},{"kind":"Field","name":{"kind":"Name","value":"attempts"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"startedAt"}},{"kind":"Field","name":{"kind":"Name","value":"outcome"}},{"kind":"Field","name":{"kind":"Name","value":"statusCode"}},{"kind":"Field","name":{"kind":"Name","value":"eventType"}},{"kind":"Field","name":{"kind":"Name","value":"subscription"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}},{"kind":"Field","name":{"kind":"Name","value":"number"}},{"kind":"Field","name":{"kind":"Name","value":"timing"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"totalMs"}}]}}]}}]}}]}}]} as unknown as DocumentNode<LiveAttemptsSubscription, LiveAttemptsSubscriptionVariables>;
export const ViewerDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Viewer"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"viewer"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"account"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"key"}},{"kind":"Field","name":{"kind":"Name","value":"name"}}]}},{"kind":"Field","name":{"kind":"Name","value":"keyName"}},{"kind":"Field","name":{"kind":"Name","value":"keyKind"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}},{"kind":"Field","name":{"kind":"Name","value":"scopes"}},{"kind":"Field","name":{"kind":"Name","value":"version"}}]}}]}}]} as unknown as DocumentNode<ViewerQuery, ViewerQueryVariables>;