# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Organizations as the Api shows them."""

from __future__ import annotations

from typing import Any, Dict, Optional

from . import plans
from .context import Server
from .grants import ENCRYPTED
from .state import Document

_PERMISSIONS = [
    "accessEventLogs",
    "accessImportExport",
    "accessReports",
    "createNewCollections",
    "editAnyCollection",
    "deleteAnyCollection",
    "manageGroups",
    "managePolicies",
    "manageSso",
    "manageUsers",
    "manageResetPassword",
    "manageScim",
    "manageAccessRules",
]
_ABSENT = ("businessAddress1", "businessAddress2", "businessAddress3", "businessCountry", "businessTaxNumber")


def organization_view(instance: Server, organization: Document) -> Document:
    """Return the body of ``GET /organizations/{id}``."""
    return {
        "id": organization["id"],
        "name": organization["name"],
        "businessName": organization["businessName"],
        **dict.fromkeys(_ABSENT),
        "billingEmail": organization["billingEmail"],
        "plan": plans.description(organization, instance.self_hosted),
        "secretsManagerPlan": None,
        "planType": organization["planType"],
        "seats": organization["seats"],
        "maxAutoscaleSeats": None,
        "maxCollections": organization["maxCollections"],
        "maxStorageGb": organization["maxStorageGb"],
        **plans.abilities(organization),
        "hasPublicAndPrivateKeys": True,
        "smSeats": organization["smSeats"],
        "smServiceAccounts": organization["smServiceAccounts"],
        "maxAutoscaleSmSeats": None,
        "maxAutoscaleSmServiceAccounts": None,
        **_limits(organization),
        "object": "organization",
    }


def subscription_view(
    instance: Server, organization: Document, expiration: Optional[str], without_grace: Optional[str]
) -> Document:
    """Return the body of ``GET /organizations/{id}/subscription``."""
    return {
        **organization_view(instance, organization),
        "storageName": None,
        "storageGb": 0,
        "customerDiscount": None,
        "subscription": None,
        "upcomingInvoice": None,
        "pendingAnnualUpgrade": None,
        "smServiceAccountsGrace": None,
        "expirationWithoutGracePeriod": without_grace,
        "expiration": expiration,
        "exemptFromBillingAutomation": False,
        "object": "organizationSubscription",
    }


def membership_views(instance: Server, organization: Document, member: Document) -> list[Document]:
    """Return a member's rows of the organization: one, or one for each of the member's sponsorships."""
    own = [one for one in instance.state.all("sponsorship") if one["sponsoringOrganizationUserId"] == member["id"]]
    return [_membership_view(organization, member, one) for one in own or [None]]


def _membership_view(organization: Document, member: Document, own: Optional[Document]) -> Document:
    """Return a member's own view of the organization, as in ``GET /organizations`` and the profile."""
    abilities = plans.abilities(organization)
    # The one place where the server writes this name so.
    abilities["useDisableSMAdsForUsers"] = abilities.pop("useDisableSmAdsForUsers")
    return {
        "organizationUserId": member["id"],
        "userIsClaimedByOrganization": False,
        **_own_sponsorship(organization, own),
        "id": organization["id"],
        "name": organization["name"],
        "enabled": organization["enabled"],
        "identifier": None,
        "productTierType": plans.tier(organization),
        **abilities,
        "useActivateAutofillPolicy": plans.is_enterprise(organization),
        "seats": organization["seats"],
        "maxCollections": organization["maxCollections"],
        "maxStorageGb": organization["maxStorageGb"],
        "key": ENCRYPTED,
        "hasPublicAndPrivateKeys": True,
        "ssoBound": False,
        "resetPasswordEnrolled": False,
        **_limits(organization),
        "providerId": None,
        "providerName": None,
        "providerType": None,
        "ssoEnabled": False,
        "keyConnectorEnabled": False,
        "keyConnectorUrl": None,
        "ssoMemberDecryptionType": None,
        "accessSecretsManager": False,
        "accessPam": False,
        "userId": member["user"],
        "status": member["status"],
        "type": member["type"],
        "permissions": dict.fromkeys(_PERMISSIONS, False),
        "object": "profileOrganization",
    }


def list_of(items: Any) -> Document:
    """Return the Api's list."""
    return {"data": list(items), "continuationToken": None, "object": "list"}


def _limits(organization: Document) -> Dict[str, Any]:
    names = (
        "limitCollectionCreation",
        "limitCollectionDeletion",
        "limitItemDeletion",
        "allowAdminAccessToAllCollectionItems",
    )
    return {name: organization[name] for name in names}


def _own_sponsorship(organization: Document, own: Optional[Document]) -> Document:
    return {
        "familySponsorshipFriendlyName": own["friendlyName"] if own else None,
        "familySponsorshipAvailable": plans.is_enterprise(organization) and own is None,
        "familySponsorshipLastSyncDate": own["lastSyncDate"] if own else None,
        "familySponsorshipValidUntil": own["validUntil"] if own else None,
        "familySponsorshipToDelete": own["toDelete"] if own else None,
        "isAdminInitiated": bool(own and own["isAdminInitiated"]),
    }
