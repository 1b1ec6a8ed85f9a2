"""What the agent reads and writes of SAP Business One: a service description of its Service Layer (OData version 3,
below `/b1s/v1`). Names of schemas are ours, those of attributes are SAP's.

Source: SAP's “Working with SAP Business One Service Layer”: entities by key in parentheses, `$filter`, `Prefer:
odata.maxpagesize`, `odata.nextLink`, errors as `error.message.value`. Functions such as CompanyService_GetCompanyInfo
are called by POST, so that Validate reads a business partner instead. As public clients have it: SAP keeps the days of
changes, without a time of day, in the server's time zone, and may keep none for what was made and never changed.
"""

from __future__ import annotations

from typing import Final

PAGE_SIZE: Final = 100

TEXT: Final = f"""
service: 1
title: SAP Business One
check: {{path: /BusinessPartners, query: {{$select: CardCode, $top: "1"}}}}
headers: {{Prefer: odata.maxpagesize={PAGE_SIZE}}}
schemas:
  business_partners:
    key: CardCode
    text: Customers, leads and suppliers.
    attributes: {{CardCode: text, CardName: text, CardType: text, EmailAddress: text, Phone1: text, FederalTaxID: text,
      Currency: text, GroupCode: integer, Notes: text, UpdateDate: datetime, BPAddresses: json, ContactEmployees: json}}
    actions:
      GET:
        path: /BusinessPartners
        query: {{$orderby: CardCode}}
        records: value
        paging: {{style: next-url, next: 'odata\\.nextLink'}}
        filters:
          updated_since: {{parameter: $filter, operator: ">=", form: day-before,
            expression: "(CreateDate ge '{{value}}' or UpdateDate ge '{{value}}')"}}
          CardType: {{parameter: $filter, operator: "=", expression: "CardType eq '{{value}}'"}}
        by_id: {{path: "/BusinessPartners('{{id}}')", quoted: true}}
      POST:
        create: {{method: POST, path: /BusinessPartners, id: CardCode}}
        find: {{path: "/BusinessPartners('{{CardCode}}')", single: true, quoted: true}}
        reason: error.message.value
      PUT:
        update: {{method: PATCH, path: "/BusinessPartners('{{CardCode}}')", quoted: true}}
        find: {{path: "/BusinessPartners('{{CardCode}}')", single: true, quoted: true}}
        reason: error.message.value
      UPSERT:
        create: {{method: POST, path: /BusinessPartners, id: CardCode}}
        update: {{method: PATCH, path: "/BusinessPartners('{{CardCode}}')", quoted: true}}
        find: {{path: "/BusinessPartners('{{CardCode}}')", single: true, quoted: true}}
        reason: error.message.value
  items:
    key: ItemCode
    text: Articles, with their prices and warehouses.
    attributes: {{ItemCode: text, ItemName: text, BarCode: text, ItemsGroupCode: integer, QuantityOnStock: decimal,
      QuantityOrderedByCustomers: decimal, UpdateDate: datetime, ItemPrices: json, ItemWarehouseInfoCollection: json}}
    actions:
      GET:
        path: /Items
        query: {{$orderby: ItemCode}}
        records: value
        paging: {{style: next-url, next: 'odata\\.nextLink'}}
        filters:
          updated_since: {{parameter: $filter, operator: ">=", form: day-before,
            expression: "(CreateDate ge '{{value}}' or UpdateDate ge '{{value}}')"}}
        by_id: {{path: "/Items('{{id}}')", quoted: true}}
  stock:
    key: ItemCode
    text: How many of each article there are, over all warehouses.
    attributes: {{ItemCode: text, QuantityOnStock: decimal, QuantityOrderedByCustomers: decimal,
      QuantityOrderedFromVendors: decimal}}
    actions:
      GET:
        path: /Items
        query: {{$select: "ItemCode,QuantityOnStock,QuantityOrderedByCustomers,QuantityOrderedFromVendors",
          $orderby: ItemCode}}
        records: value
        paging: {{style: next-url, next: 'odata\\.nextLink'}}
        by_id: {{path: "/Items('{{id}}')", quoted: true}}
  orders:
    key: DocEntry
    text: Sales orders. NumAtCard is the customer's reference, such as the number of the order in the store.
    attributes: {{DocEntry: integer, DocNum: integer, CardCode: text, NumAtCard: text, DocDate: text, DocDueDate: text,
      DocTotal: decimal, DocCurrency: text, Comments: text, UpdateDate: datetime, DocumentLines: json,
      AddressExtension: json}}
    actions:
      GET:
        path: /Orders
        query: {{$orderby: DocEntry}}
        records: value
        paging: {{style: next-url, next: 'odata\\.nextLink'}}
        filters:
          updated_since: {{parameter: $filter, operator: ">=", form: day-before,
            expression: "(CreationDate ge '{{value}}' or UpdateDate ge '{{value}}')"}}
          CardCode: {{parameter: $filter, operator: "=", expression: "CardCode eq '{{value}}'"}}
        by_id: {{path: "/Orders({{id}})"}}
      POST:
        text: Makes sales orders with their lines, each once, by CardCode and NumAtCard.
        create: {{method: POST, path: /Orders, id: DocEntry}}
        find: {{path: /Orders, quoted: true, records: value,
          query: {{$filter: "NumAtCard eq '{{NumAtCard}}' and CardCode eq '{{CardCode}}'"}}}}
        reason: error.message.value
  deliveries:
    key: DocEntry
    text: Delivery notes.
    attributes: {{DocEntry: integer, DocNum: integer, CardCode: text, NumAtCard: text, TrackingNumber: text,
      UpdateDate: datetime, DocumentLines: json}}
    actions:
      GET:
        path: /DeliveryNotes
        query: {{$orderby: DocEntry}}
        records: value
        paging: {{style: next-url, next: 'odata\\.nextLink'}}
        filters:
          updated_since: {{parameter: $filter, operator: ">=", form: day-before,
            expression: "(CreationDate ge '{{value}}' or UpdateDate ge '{{value}}')"}}
        by_id: {{path: "/DeliveryNotes({{id}})"}}
"""
