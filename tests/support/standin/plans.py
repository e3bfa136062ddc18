# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans: what an organization on them may do, and how the Api describes them."""

from __future__ import annotations

from typing import Any, Dict

from .state import Document

ENTERPRISE = "enterprise"
FAMILIES = "families"
TEAMS = "teams"
TEAMS_STARTER = "teams_starter"

# Abilities of an organization by their names in JSON; all others of `ABILITIES` are off on the plan.
ABILITIES = [
    "usePolicies",
    "useSso",
    "useKeyConnector",
    "useScim",
    "useGroups",
    "useDirectory",
    "useEvents",
    "useTotp",
    "use2fa",
    "useApi",
    "useResetPassword",
    "useSecretsManager",
    "usersGetPremium",
    "useCustomPermissions",
    "selfHost",
    "usePasswordManager",
    "useRiskInsights",
    "useOrganizationDomains",
    "useAdminSponsoredFamilies",
    "useAutomaticUserConfirmation",
    "useDisableSmAdsForUsers",
    "usePhishingBlocker",
    "useMyItems",
    "useInviteLinks",
    "usePam",
]
_ON_TEAMS = [
    "useGroups",
    "useDirectory",
    "useEvents",
    "useTotp",
    "use2fa",
    "useApi",
    "usersGetPremium",
    "usePasswordManager",
]
_ON = {
    ENTERPRISE: [
        "usePolicies",
        "useSso",
        "useKeyConnector",
        "useScim",
        "useGroups",
        "useDirectory",
        "useEvents",
        "useTotp",
        "use2fa",
        "useApi",
        "useResetPassword",
        "usersGetPremium",
        "useCustomPermissions",
        "selfHost",
        "usePasswordManager",
        "useOrganizationDomains",
    ],
    FAMILIES: ["useTotp", "usersGetPremium", "selfHost", "usePasswordManager"],
    TEAMS: [*_ON_TEAMS, "useScim"],
    TEAMS_STARTER: _ON_TEAMS,
}
_BASICS: Dict[str, Document] = {
    ENTERPRISE: {"planType": 20, "plan": "Enterprise (Annually)", "seats": 10},
    FAMILIES: {"planType": 22, "plan": "Families", "seats": 6},
    TEAMS: {"planType": 18, "plan": "Teams (Annually)", "seats": 10},
    TEAMS_STARTER: {"planType": 21, "plan": "Teams (Starter)", "seats": 10},
}
_TIERS = {18: 2, 20: 3, 21: 4, 22: 1}
_TEAMS_TIER, _ENTERPRISE_TIER = 2, 3

_DESCRIPTION: Document = {
    "isAnnual": False, "nameLocalizationKey": None, "descriptionLocalizationKey": None, "canBeUsedByBusiness": False,
    "trialPeriodDays": None, "hasSelfHost": False, "hasPolicies": False, "hasGroups": False, "hasDirectory": False,
    "hasEvents": False, "hasTotp": False, "has2fa": False, "hasApi": False, "hasSso": False,
    "hasOrganizationDomains": False, "hasResetPassword": False, "usersGetPremium": False, "hasMyItems": False,
    "hasInviteLinks": False, "upgradeSortOrder": 0, "displaySortOrder": 0, "legacyYear": None, "disabled": False,
    "secretsManager": None, "passwordManager": None,
}  # fmt: skip
# What was recorded; of the plans for teams it is not known.
_IN_THE_CLOUD: Dict[int, Document] = {
    20: {
        "isAnnual": True, "nameLocalizationKey": "planNameEnterprise",
        "descriptionLocalizationKey": "planDescEnterprise", "trialPeriodDays": 7, "hasSelfHost": True,
        "hasPolicies": True, "hasGroups": True, "hasDirectory": True, "hasEvents": True, "hasTotp": True,
        "has2fa": True, "hasSso": True, "hasOrganizationDomains": True, "hasResetPassword": True,
        "usersGetPremium": True, "hasMyItems": True, "hasInviteLinks": True, "upgradeSortOrder": 4,
        "displaySortOrder": 4,
        "passwordManager": {
            "stripePlanId": None, "stripeSeatPlanId": "2023-enterprise-org-seat-annually",
            "stripeProviderPortalSeatPlanId": None, "basePrice": 0, "seatPrice": 72, "providerPortalSeatPrice": 0,
            "allowSeatAutoscale": True, "hasAdditionalSeatsOption": True, "maxAdditionalSeats": None, "baseSeats": 0,
            "hasPremiumAccessOption": False, "stripePremiumAccessPlanId": None, "premiumAccessOptionPrice": 0,
            "maxSeats": None, "baseStorageGb": 1, "hasAdditionalStorageOption": True,
            "additionalStoragePricePerGb": 4, "stripeStoragePlanId": "storage-gb-annually",
            "maxAdditionalStorage": None, "maxCollections": None,
        },
    },
    22: {
        "isAnnual": True, "nameLocalizationKey": "planNameFamilies", "descriptionLocalizationKey": "planDescFamilies",
        "trialPeriodDays": 7, "hasSelfHost": True, "hasTotp": True, "usersGetPremium": True, "upgradeSortOrder": 1,
        "displaySortOrder": 1,
    },
}  # fmt: skip


def organization_of(plan: str) -> Document:
    """Return the fields of a new organization that the plan decides."""
    return {
        **_BASICS[plan],
        **{ability: ability in _ON[plan] for ability in ABILITIES},
        "maxCollections": None,
        "maxStorageGb": 1,
        "smSeats": None,
        "smServiceAccounts": None,
        "limitCollectionCreation": False,
        "limitCollectionDeletion": False,
        "limitItemDeletion": False,
        "allowAdminAccessToAllCollectionItems": False,
    }


def abilities(organization: Document) -> Dict[str, Any]:
    """Return the abilities of an organization as they stand now."""
    return {ability: organization[ability] for ability in ABILITIES}


def tier(organization: Document) -> int:
    """Return the product tier: 1 families, 2 teams, 3 enterprise, 4 teams starter."""
    return _TIERS[organization["planType"]]


def is_enterprise(organization: Document) -> bool:
    """Tell whether members may sponsor families."""
    return tier(organization) == _ENTERPRISE_TIER


def has_key_types(organization: Document) -> bool:
    """Tell whether the organization may have keys beside that of the public Api: for billing sync and for SCIM."""
    return tier(organization) in (_TEAMS_TIER, _ENTERPRISE_TIER)


def description(organization: Document, self_hosted: bool) -> Document:
    """Return the plan as the Api shows it; a self-hosted server knows only type, tier and name."""
    details = {} if self_hosted else _IN_THE_CLOUD.get(organization["planType"], {})
    return {
        "type": organization["planType"],
        "productTier": tier(organization),
        "name": organization["plan"],
        **_DESCRIPTION,
        **details,
        "object": "plan",
    }
