/* eslint-disable */
import * as types from './graphql';
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';

/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "\n  fragment AttemptDetail on DeliveryAttempt {\n    id\n    delivery {\n      id\n      status\n      nextAttemptAt\n      attempts {\n        id\n        number\n        outcome\n        statusCode\n        startedAt\n        timing {\n          totalMs\n        }\n      }\n    }\n    eventId\n    eventType\n    subscription {\n      id\n      name\n    }\n    number\n    trigger\n    outcome\n    statusCode\n    startedAt\n    timing {\n      queuedMs\n      dnsMs\n      connectMs\n      tlsMs\n      firstByteMs\n      totalMs\n      connectionReused\n    }\n    url\n    request {\n      headers {\n        name\n        value\n      }\n    }\n    response {\n      headers {\n        name\n        value\n      }\n    }\n    remoteAddress\n    tlsVersion\n    batchSize\n    error\n    hint\n    nextAttemptAt\n  }\n": typeof types.AttemptDetailFragmentDoc,
    "\n  query Attempt($id: ID!) {\n    deliveryAttempt(id: $id) {\n      ...AttemptDetail\n      request {\n        body {\n          contentType\n          text\n          base64\n          sizeBytes\n          truncated\n        }\n      }\n      response {\n        body {\n          contentType\n          text\n          base64\n          sizeBytes\n          truncated\n        }\n      }\n    }\n  }\n": typeof types.AttemptDocument,
    "\n  query AttemptWithoutBodies($id: ID!) {\n    deliveryAttempt(id: $id) {\n      ...AttemptDetail\n    }\n  }\n": typeof types.AttemptWithoutBodiesDocument,
    "\n  subscription LiveAttempts($filter: AttemptFilter, $after: Cursor, $backfill: Int!, $maxPerSecond: Int!) {\n    deliveryAttempts(filter: $filter, after: $after, backfill: $backfill, maxPerSecond: $maxPerSecond) {\n      kind\n      cursor\n      matched\n      skipped\n      attempts {\n        id\n        startedAt\n        outcome\n        statusCode\n        eventType\n        subscription {\n          id\n          name\n        }\n        number\n        timing {\n          totalMs\n        }\n      }\n    }\n  }\n": typeof types.LiveAttemptsDocument,
    "\n  query Viewer {\n    viewer {\n      account {\n        key\n        name\n      }\n      keyName\n      keyKind\n      expiresAt\n      scopes\n      version\n    }\n  }\n": typeof types.ViewerDocument,
};
const documents: Documents = {
    "\n  fragment AttemptDetail on DeliveryAttempt {\n    id\n    delivery {\n      id\n      status\n      nextAttemptAt\n      attempts {\n        id\n        number\n        outcome\n        statusCode\n        startedAt\n        timing {\n          totalMs\n        }\n      }\n    }\n    eventId\n    eventType\n    subscription {\n      id\n      name\n    }\n    number\n    trigger\n    outcome\n    statusCode\n    startedAt\n    timing {\n      queuedMs\n      dnsMs\n      connectMs\n      tlsMs\n      firstByteMs\n      totalMs\n      connectionReused\n    }\n    url\n    request {\n      headers {\n        name\n        value\n      }\n    }\n    response {\n      headers {\n        name\n        value\n      }\n    }\n    remoteAddress\n    tlsVersion\n    batchSize\n    error\n    hint\n    nextAttemptAt\n  }\n": types.AttemptDetailFragmentDoc,
    "\n  query Attempt($id: ID!) {\n    deliveryAttempt(id: $id) {\n      ...AttemptDetail\n      request {\n        body {\n          contentType\n          text\n          base64\n          sizeBytes\n          truncated\n        }\n      }\n      response {\n        body {\n          contentType\n          text\n          base64\n          sizeBytes\n          truncated\n        }\n      }\n    }\n  }\n": types.AttemptDocument,
    "\n  query AttemptWithoutBodies($id: ID!) {\n    deliveryAttempt(id: $id) {\n      ...AttemptDetail\n    }\n  }\n": types.AttemptWithoutBodiesDocument,
    "\n  subscription LiveAttempts($filter: AttemptFilter, $after: Cursor, $backfill: Int!, $maxPerSecond: Int!) {\n    deliveryAttempts(filter: $filter, after: $after, backfill: $backfill, maxPerSecond: $maxPerSecond) {\n      kind\n      cursor\n      matched\n      skipped\n      attempts {\n        id\n        startedAt\n        outcome\n        statusCode\n        eventType\n        subscription {\n          id\n          name\n        }\n        number\n        timing {\n          totalMs\n        }\n      }\n    }\n  }\n": types.LiveAttemptsDocument,
    "\n  query Viewer {\n    viewer {\n      account {\n        key\n        name\n      }\n      keyName\n      keyKind\n      expiresAt\n      scopes\n      version\n    }\n  }\n": types.ViewerDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 *
 *
 * @example
 * ```ts
 * const query = graphql(`query GetUser($id: ID!) { user(id: $id) { name } }`);
 * ```
 *
 * The query argument is unknown!
 * Please regenerate the types.
 */
export function graphql(source: string): unknown;

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  fragment AttemptDetail on DeliveryAttempt {\n    id\n    delivery {\n      id\n      status\n      nextAttemptAt\n      attempts {\n        id\n        number\n        outcome\n        statusCode\n        startedAt\n        timing {\n          totalMs\n        }\n      }\n    }\n    eventId\n    eventType\n    subscription {\n      id\n      name\n    }\n    number\n    trigger\n    outcome\n    statusCode\n    startedAt\n    timing {\n      queuedMs\n      dnsMs\n      connectMs\n      tlsMs\n      firstByteMs\n      totalMs\n      connectionReused\n    }\n    url\n    request {\n      headers {\n        name\n        value\n      }\n    }\n    response {\n      headers {\n        name\n        value\n      }\n    }\n    remoteAddress\n    tlsVersion\n    batchSize\n    error\n    hint\n    nextAttemptAt\n  }\n"): (typeof documents)["\n  fragment AttemptDetail on DeliveryAttempt {\n    id\n    delivery {\n      id\n      status\n      nextAttemptAt\n      attempts {\n        id\n        number\n        outcome\n        statusCode\n        startedAt\n        timing {\n          totalMs\n        }\n      }\n    }\n    eventId\n    eventType\n    subscription {\n      id\n      name\n    }\n    number\n    trigger\n    outcome\n    statusCode\n    startedAt\n    timing {\n      queuedMs\n      dnsMs\n      connectMs\n      tlsMs\n      firstByteMs\n      totalMs\n      connectionReused\n    }\n    url\n    request {\n      headers {\n        name\n        value\n      }\n    }\n    response {\n      headers {\n        name\n        value\n      }\n    }\n    remoteAddress\n    tlsVersion\n    batchSize\n    error\n    hint\n    nextAttemptAt\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Attempt($id: ID!) {\n    deliveryAttempt(id: $id) {\n      ...AttemptDetail\n      request {\n        body {\n          contentType\n          text\n          base64\n          sizeBytes\n          truncated\n        }\n      }\n      response {\n        body {\n          contentType\n          text\n          base64\n          sizeBytes\n          truncated\n        }\n      }\n    }\n  }\n"): (typeof documents)["\n  query Attempt($id: ID!) {\n    deliveryAttempt(id: $id) {\n      ...AttemptDetail\n      request {\n        body {\n          contentType\n          text\n          base64\n          sizeBytes\n          truncated\n        }\n      }\n      response {\n        body {\n          contentType\n          text\n          base64\n          sizeBytes\n          truncated\n        }\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query AttemptWithoutBodies($id: ID!) {\n    deliveryAttempt(id: $id) {\n      ...AttemptDetail\n    }\n  }\n"): (typeof documents)["\n  query AttemptWithoutBodies($id: ID!) {\n    deliveryAttempt(id: $id) {\n      ...AttemptDetail\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  subscription LiveAttempts($filter: AttemptFilter, $after: Cursor, $backfill: Int!, $maxPerSecond: Int!) {\n    deliveryAttempts(filter: $filter, after: $after, backfill: $backfill, maxPerSecond: $maxPerSecond) {\n      kind\n      cursor\n      matched\n      skipped\n      attempts {\n        id\n        startedAt\n        outcome\n        statusCode\n        eventType\n        subscription {\n          id\n          name\n        }\n        number\n        timing {\n          totalMs\n        }\n      }\n    }\n  }\n"): (typeof documents)["\n  subscription LiveAttempts($filter: AttemptFilter, $after: Cursor, $backfill: Int!, $maxPerSecond: Int!) {\n    deliveryAttempts(filter: $filter, after: $after, backfill: $backfill, maxPerSecond: $maxPerSecond) {\n      kind\n      cursor\n      matched\n      skipped\n      attempts {\n        id\n        startedAt\n        outcome\n        statusCode\n        eventType\n        subscription {\n          id\n          name\n        }\n        number\n        timing {\n          totalMs\n        }\n      }\n    }\n  }\n"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Viewer {\n    viewer {\n      account {\n        key\n        name\n      }\n      keyName\n      keyKind\n      expiresAt\n      scopes\n      version\n    }\n  }\n"): (typeof documents)["\n  query Viewer {\n    viewer {\n      account {\n        key\n        name\n      }\n      keyName\n      keyKind\n      expiresAt\n      scopes\n      version\n    }\n  }\n"];

export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}

export type DocumentType<TDocumentNode extends DocumentNode<any, any>> = TDocumentNode extends DocumentNode<  infer TType,  any>  ? TType  : never;