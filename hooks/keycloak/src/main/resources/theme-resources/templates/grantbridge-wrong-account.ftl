<#import "template.ftl" as layout>
<@layout.registrationLayout displayMessage=false; section>
    <#if section = "header">
        ${msg("grantbridgeWrongAccountTitle")}
    <#elseif section = "form">
        <p id="grantbridge-wrong-account" class="instruction">${msg("grantbridgeWrongAccount", askedAccount)}</p>
        <p><a id="grantbridge-try-again" href="${tryAgainUrl}">${msg("grantbridgeTryAgain", askedAccount)}</a></p>
        <p><a id="grantbridge-start-over" href="${url.loginRestartFlowUrl}">${msg("grantbridgeStartOver")}</a></p>
    </#if>
</@layout.registrationLayout>
