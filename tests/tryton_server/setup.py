"""Makes the database that every test with Tryton starts from. Runs with the Python of Tryton's own environment.

`python setup.py FOLDER`: FOLDER has a `trytond.conf` that leads to an empty database `template`. It gets a company with
accounts, a tax, a warehouse, nine customers, ten products with some in stock, services for charges, a user `agent` who
may do what the connector needs, and a user `guest` who may do little. Passwords are hashed as `trytond.conf` says.
"""

from __future__ import annotations

import datetime as dt
import importlib
import os
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

MODULES = ["sale", "stock_package_shipping", "web_shop"]
PASSWORD = os.environ["TRYTON_TEST_PASSWORD"]
DATABASE = "template"


def make_database(folder: Path) -> None:
    """All tables and what the modules bring."""
    # Tryton is installed in this program's own environment, and not where types are checked.
    run = importlib.import_module("trytond.admin").run
    storage: Any = importlib.import_module("trytond.model").ModelStorage

    # The modules' own data is good: checking each of its records takes half the time.
    checked = storage.__dict__["_validate"]
    storage._validate = classmethod(lambda _cls, _records, field_names=None: None)
    password = folder / "administrator"
    password.write_text(PASSWORD, "utf-8")
    os.environ["TRYTONPASSFILE"] = str(password)

    run(
        SimpleNamespace(
            database_names=[DATABASE],
            update=MODULES,
            languages=[],
            email="shop@example.com",
            password=False,
            reset_password=False,
            test_email=None,
            hostname=None,
            activatedeps=True,
            update_modules_list=False,
            validate=None,
            indexes=None,
        )
    )
    storage._validate = checked


def fill(folder: Path) -> None:
    """A shop that trades."""
    proteus: Any = importlib.import_module("proteus")
    wizard = proteus.Wizard

    settings = proteus.config.set_trytond(DATABASE, user="admin", config_file=str(folder / "trytond.conf"))

    def model(name: str) -> Any:
        return proteus.Model.get(name)

    currency = model("currency.currency")(name="US Dollar", code="USD", symbol="$", rounding=Decimal("0.01"))
    currency.rates.new(date=dt.date(2020, 1, 1), rate=Decimal(1))
    currency.save()
    owner = model("party.party")(name="Cups & Books Ltd", code="OWNER")
    owner.save()
    company = model("company.company")(party=owner, currency=currency)
    company.save()
    users = model("res.user")
    administrator = users(1)
    administrator.companies.append(type(company)(company.id))
    administrator.company = type(company)(company.id)
    administrator.save()
    settings._context = users.get_preferences(True, {})

    chart = wizard("account.create_chart")
    chart.execute("account")
    chart.form.account_template = model("account.account.template").find([("parent", "=", None)])[0]
    chart.form.company = company
    chart.execute("create_account")
    accounts = model("account.account")
    chart.form.account_receivable = accounts.find([("type.receivable", "=", True)])[0]
    chart.form.account_payable = accounts.find([("type.payable", "=", True)])[0]
    chart.execute("create_properties")

    country = model("country.country")
    for code in ("AU", "CA", "DE", "FR", "GB", "NO", "US"):
        country(name=code, code=code).save()
    (states,) = country.find([("code", "=", "US")])
    for code, name in (("NY", "New York"), ("TX", "Texas")):
        model("country.subdivision")(country=states, code=f"US-{code}", name=name, type="state").save()

    for number in range(1, 10):
        party = model("party.party")(name=f"Customer {number}", code=f"C{number}")
        party.addresses[0].city = "Leeds"
        party.contact_mechanisms.new(type="email", value=f"c{number}@shop.test")
        party.save()

    units = model("product.uom")
    unit = units.find([("name", "=", "Unit")])[0]
    category = model("product.category")(name="Goods", accounting=True)
    category.account_revenue = accounts.find([("type.revenue", "=", True)])[0]
    category.account_expense = accounts.find([("type.expense", "=", True)])[0]
    category.save()
    tax = model("account.tax")(name="VAT", description="VAT 20 %", type="percentage", rate=Decimal("0.2"))
    tax.company = company
    tax.invoice_account = tax.credit_note_account = accounts.find([("type.payable", "=", True)])[0]
    tax.save()
    untaxed = model("product.category")(name="Untaxed", accounting=True)
    untaxed.account_revenue, untaxed.account_expense = category.account_revenue, category.account_expense
    untaxed.save()
    category.customer_taxes.append(tax)
    category.save()
    for code in ("SHIPPING", "FEE", "CUSTOM", "DISCOUNT"):
        service = model("product.template")(name=code.title(), default_uom=unit, type="service", salable=True)
        service.list_price, service.account_category = Decimal(1), untaxed if code == "DISCOUNT" else category
        service.products[0].suffix_code = code
        service.save()
    products = []
    for number in range(1, 11):
        template = model("product.template")(
            name=f"Cup {number}",
            default_uom=unit,
            type="goods",
            salable=True,
            list_price=Decimal("12.50"),
        )
        template.account_category = category
        template.products[0].suffix_code = f"CUP-{number}"
        template.save()
        products.append(template.products[0])

    locations = model("stock.location")
    warehouse = locations.find([("type", "=", "warehouse")])[0]
    warehouse.name, warehouse.code = "Main warehouse", "WH"
    warehouse.save()
    supplier = locations.find([("code", "=", "SUP")])[0]
    moves = [
        model("stock.move")(
            product=product,
            quantity=number * 5.0,
            unit=unit,
            from_location=supplier,
            to_location=warehouse.storage_location,
            unit_price=Decimal(4),
            currency=currency,
        )
        for number, product in enumerate(products, 1)
    ]
    for move in moves:
        move.save()
        move.click("do")

    groups = model("res.group")
    names = ["Sales", "Sales Administrator", "Stock", "Party Administration", "Product Administration"]
    agent = users(name="Agent", login="agent", password=PASSWORD)
    for group in groups.find([("name", "in", [*names, "Stock Administration", "Administration"])]):
        if group.name != "Administration":
            agent.groups.append(group)
    agent.companies.append(type(company)(company.id))
    agent.company = type(company)(company.id)
    agent.save()
    guest = users(name="Guest", login="guest", password=PASSWORD)
    guest.companies.append(type(company)(company.id))
    guest.company = type(company)(company.id)
    guest.save()


if __name__ == "__main__":
    place = Path(sys.argv[1])
    importlib.import_module("trytond.config").config.update_etc(str(place / "trytond.conf"))
    if sys.argv[2:] != ["fill"]:
        make_database(place)
    if sys.argv[2:] != ["make"]:
        fill(place)
